"""Python's own HTTP clients; prints one JSON line for each request. Arguments: the h1 and the h2 host."""
import http.client
import json
import ssl
import sys
import urllib.error
import urllib.request

host = sys.argv[1]


def say(**line):
    print(json.dumps(line))


with urllib.request.urlopen(f'https://{host}/upload', data=b'x' * 100_000) as response:
    say(client='urllib', status=response.status, body=json.load(response))

connection = http.client.HTTPSConnection(host, context=ssl.create_default_context())
connection.request('GET', '/headers')
response = connection.getresponse()
names = dict(item[0] for item in connection.sock.getpeercert()['issuer'])
say(client='http.client', status=response.status, reason=response.reason, length=len(response.read()),
    issuer=names['commonName'], cookies=response.headers.get_all('set-cookie'))
# On the same connection, chunked.
connection.request('PUT', '/upload', body=iter([b'hello ', b'world']), encode_chunked=True,
                   headers={'Transfer-Encoding': 'chunked'})
say(client='http.client', status=connection.getresponse().status)

try:
    urllib.request.urlopen(f'https://{host}/status/404')
except urllib.error.HTTPError as refused:
    say(client='urllib', status=refused.code)
