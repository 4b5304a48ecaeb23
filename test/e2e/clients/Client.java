import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.cert.X509Certificate;
import javax.net.ssl.HttpsURLConnection;

/** Java's own HTTP clients; prints one JSON line for each request. Arguments: the h1 and the h2 host. */
class Client {
  public static void main(String[] hosts) throws Exception {
    HttpClient client = HttpClient.newHttpClient();
    for (String host : hosts) {
      HttpRequest upload = HttpRequest.newBuilder(URI.create("https://" + host + "/upload"))
          .expectContinue(host.equals(hosts[0]))
          .POST(HttpRequest.BodyPublishers.ofString("x".repeat(100_000)))
          .build();
      HttpResponse<String> response = client.send(upload, BodyHandlers.ofString());
      X509Certificate leaf = (X509Certificate) response.sslSession().orElseThrow().getPeerCertificates()[0];
      System.out.printf("{\"client\": \"HttpClient\", \"status\": %d, \"version\": \"%s\", \"issuer\": \"%s\", \"body\": %s}%n",
          response.statusCode(), response.version(), leaf.getIssuerX500Principal().getName(), response.body().trim());
    }
    HttpURLConnection old = (HttpsURLConnection) URI.create("https://" + hosts[0] + "/bytes/70000").toURL().openConnection();
    int length = old.getInputStream().readAllBytes().length;
    System.out.printf("{\"client\": \"HttpsURLConnection\", \"status\": %d, \"length\": %d}%n", old.getResponseCode(), length);
  }
}
