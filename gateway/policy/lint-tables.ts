/**
 * Names behind which anyone can have an account, bucket or page, so that a rule on the host alone opens all of them.
 * Patterns of a policy; `scope` is a path that keeps to one owner.
 */
export const sharedTenants: readonly { readonly host: string; readonly scope: string }[] = [
  { host: 'github.com', scope: 'https://github.com/OWNER/**' },
  { host: 'api.github.com', scope: 'https://api.github.com/repos/OWNER/**' },
  { host: 'uploads.github.com', scope: 'https://uploads.github.com/repos/OWNER/**' },
  { host: 'codeload.github.com', scope: 'https://codeload.github.com/OWNER/**' },
  { host: 'raw.githubusercontent.com', scope: 'https://raw.githubusercontent.com/OWNER/**' },
  { host: 'gist.github.com', scope: 'https://gist.github.com/OWNER/**' },
  { host: 'gist.githubusercontent.com', scope: 'https://gist.githubusercontent.com/OWNER/**' },
  { host: 'objects.githubusercontent.com', scope: 'GET,HEAD https://objects.githubusercontent.com' },
  { host: 'ghcr.io', scope: 'GET,HEAD https://ghcr.io/v2/OWNER/**' },
  { host: 'quay.io', scope: 'GET,HEAD https://quay.io/v2/OWNER/**' },
  { host: 'registry-1.docker.io', scope: 'GET,HEAD https://registry-1.docker.io/v2/OWNER/**' },
  { host: 'gitlab.com', scope: 'https://gitlab.com/OWNER/**' },
  { host: 'bitbucket.org', scope: 'https://bitbucket.org/OWNER/**' },
  { host: 'dev.azure.com', scope: 'https://dev.azure.com/ORGANISATION/**' },
  { host: 'pkgs.dev.azure.com', scope: 'https://pkgs.dev.azure.com/ORGANISATION/**' },
  { host: 'login.microsoftonline.com', scope: 'https://login.microsoftonline.com/TENANT/**' },
  { host: 'storage.googleapis.com', scope: 'https://storage.googleapis.com/BUCKET/**' },
  { host: 'x.storage.googleapis.com', scope: 'https://BUCKET.storage.googleapis.com' },
  { host: 's3.amazonaws.com', scope: 'https://s3.amazonaws.com/BUCKET/**' },
  { host: 'x.s3.amazonaws.com', scope: 'https://BUCKET.s3.amazonaws.com' },
  { host: 'x.s3.eu-west-1.amazonaws.com', scope: 'https://BUCKET.s3.REGION.amazonaws.com' },
  { host: 'x.blob.core.windows.net', scope: 'https://ACCOUNT.blob.core.windows.net' },
  { host: 'x.azureedge.net', scope: 'https://NAME.azureedge.net' },
  { host: 'x.cloudfront.net', scope: 'https://NAME.cloudfront.net' },
  { host: 'x.r2.cloudflarestorage.com', scope: 'https://BUCKET.ACCOUNT.r2.cloudflarestorage.com' },
  { host: 'x.workers.dev', scope: 'https://NAME.ACCOUNT.workers.dev' },
  { host: 'x.visualstudio.com', scope: 'https://ORGANISATION.visualstudio.com' },
  { host: 'cdn.jsdelivr.net', scope: 'https://cdn.jsdelivr.net/gh/OWNER/**' },
]

/** Hosts that answer DNS over HTTPS for anyone: a way around the gateway's DNS, and a tunnel. */
export const dohHosts: readonly string[] = [
  'dns.google',
  'dns64.dns.google',
  'cloudflare-dns.com',
  'one.one.one.one',
  'mozilla.cloudflare-dns.com',
  'chrome.cloudflare-dns.com',
  'security.cloudflare-dns.com',
  'family.cloudflare-dns.com',
  'dns.quad9.net',
  'dns9.quad9.net',
  'dns10.quad9.net',
  'dns11.quad9.net',
  'doh.opendns.com',
  'doh.familyshield.opendns.com',
  'doh.umbrella.com',
  'dns.nextdns.io',
  'dns.adguard-dns.com',
  'unfiltered.adguard-dns.com',
  'doh.cleanbrowsing.org',
  'freedns.controld.com',
  'dns.controld.com',
  'dns.mullvad.net',
  'doh.mullvad.net',
  'doh.dns.sb',
  'dns.sb',
  'doh.pub',
  'dns.alidns.com',
  'doh.360.cn',
  'dns.twnic.tw',
  'doh.libredns.gr',
  'doh.applied-privacy.net',
  'dns.digitale-gesellschaft.ch',
  'ordns.he.net',
  'dns.switch.ch',
  'doh.xfinity.com',
]

/** Names that lead to the credentials of the machine in a cloud. */
export const metadataHosts: readonly string[] = [
  'metadata.google.internal',
  'metadata.goog',
  'instance-data.ec2.internal',
]

/** Methods of the IANA registry that a build may meet, WebDAV's and its kin included. */
export const knownMethods: ReadonlySet<string> = new Set(
  (
    'GET HEAD POST PUT DELETE OPTIONS TRACE PATCH QUERY ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY LABEL LINK LOCK ' +
    'MERGE MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE ORDERPATCH PROPFIND PROPPATCH REBIND REPORT SEARCH ' +
    'UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL ' +
    // not registered: caches, HashiCorp Vault
    'PURGE LIST'
  ).split(' '),
)
