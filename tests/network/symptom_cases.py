"""Texts of failed connections as people paste them, and what must be read from each."""

# ruff: noqa: E501

from __future__ import annotations

from typing import Any

# (text, kind of failure, what else must be read: fields of `Places`)
CASES: list[tuple[str, str, dict[str, Any]]] = [
    # curl
    ("curl: (28) Connection timed out after 5001 milliseconds", "timeout", {}),
    ("curl: (28) Failed to connect to api.payments.svc port 8080 after 129351 ms: Couldn't connect to server", "timeout", {"host": "api.payments.svc", "port": 8080}),
    ("curl: (28) Failed to connect to 10.97.2.3 port 80 after 2002 ms: Timeout was reached", "timeout", {"host": "10.97.2.3", "port": 80}),
    ("curl: (7) Failed to connect to api.payments.svc port 8080 after 1 ms: Could not connect to server", "refused", {"host": "api.payments.svc", "port": 8080}),
    ("curl: (7) Failed to connect to 10.97.2.3 port 80: Connection refused", "refused", {"host": "10.97.2.3", "port": 80}),
    ("curl: (7) Failed to connect to 10.244.1.9 port 80 after 3065 ms: No route to host", "no-route", {"host": "10.244.1.9"}),
    ("curl: (6) Could not resolve host: api.payments", "name-not-found", {"unresolved": "api.payments"}),
    ("curl: (28) Resolving timed out after 5000 milliseconds", "dns-timeout", {}),
    ("curl: (56) Recv failure: Connection reset by peer", "reset", {}),
    ("curl: (52) Empty reply from server", "reset", {}),
    ("curl: (22) The requested URL returned error: 503", "http-status", {"status": 503}),
    ("curl: (22) The requested URL returned error: 504", "proxy-timeout", {"status": 504}),
    ("*   Trying 10.97.1.2:8080...\n* Connection timed out after 3001 milliseconds\n* Closing connection 0", "timeout", {"host": "10.97.1.2", "port": 8080}),
    ("$ kubectl exec -n shop deploy/cart -- curl -m 5 http://api.payments.svc:8080/healthz\ncurl: (28) Connection timed out after 5001 milliseconds\ncommand terminated with exit code 28", "timeout", {"source_pod": "shop/Deployment/cart", "host": "api.payments.svc", "port": 8080}),
    ("kubectl exec -it cart-6d5f-x2x4q --namespace=shop -c cart -- wget -qO- -T 3 api.payments.svc:8080\nwget: download timed out", "timeout", {"source_pod": "shop/cart-6d5f-x2x4q"}),
    # gRPC's core, Redis, ssh
    ("failed to connect to all addresses; last error: UNKNOWN: ipv4:10.244.1.9:50051: Connection timed out", "timeout", {"host": "10.244.1.9", "port": 50051}),
    ("Could not connect to Redis at redis.cache:6379: Connection timed out", "timeout", {"host": "redis.cache", "port": 6379}),
    ("ssh: connect to host 10.244.1.9 port 22: Connection timed out", "timeout", {"host": "10.244.1.9", "port": 22}),
    # wget, GNU and BusyBox
    ("wget: can't connect to remote host (10.97.2.3): Connection refused", "refused", {"host": "10.97.2.3"}),
    ("Connecting to api:8080 (10.97.2.3:8080)\nwget: download timed out", "timeout", {"host": "api", "address": "10.97.2.3", "port": 8080}),
    ("Connecting to api (api)|10.97.2.3|:8080... failed: Connection timed out.", "timeout", {"host": "api", "address": "10.97.2.3", "port": 8080}),
    ("wget: bad address 'api.payments'", "name-not-found", {"unresolved": "api.payments"}),
    ("wget: unable to resolve host address 'api.payments'", "name-not-found", {"unresolved": "api.payments"}),
    ("wget: server returned error: HTTP/1.1 503 Service Unavailable", "http-status", {"status": 503}),
    # Go
    ('Get "http://api.payments.svc:8080/": dial tcp 10.97.2.3:8080: i/o timeout', "timeout", {"host": "api.payments.svc", "address": "10.97.2.3", "port": 8080}),
    ("dial tcp 10.97.2.3:8080: connect: connection refused", "refused", {"host": "10.97.2.3", "port": 8080, "protocol": "TCP"}),
    ("dial tcp 10.97.2.3:8080: connect: connection timed out", "timeout", {"host": "10.97.2.3"}),
    ("dial tcp 10.97.2.3:8080: connect: no route to host", "no-route", {"host": "10.97.2.3"}),
    ("dial tcp [fd00:10:244::5]:8080: i/o timeout", "timeout", {"host": "fd00:10:244::5", "port": 8080}),
    ('Get "http://api.payments.svc:8080/": dial tcp: lookup api.payments.svc on 10.96.0.10:53: no such host', "name-not-found", {"unresolved": "api.payments.svc", "resolver": "10.96.0.10", "host": "api.payments.svc", "port": 8080}),
    ('Get "http://api.payments.svc:8080/": dial tcp: lookup api.payments.svc on 10.96.0.10:53: read udp 10.244.1.5:41234->10.96.0.10:53: i/o timeout', "dns-timeout", {"unresolved": "api.payments.svc", "resolver": "10.96.0.10", "host": "api.payments.svc", "port": 8080}),
    ("lookup api.payments on 10.96.0.10:53: server misbehaving", "dns-failure", {"unresolved": "api.payments"}),
    ("read tcp 10.244.1.5:41234->10.97.2.3:8080: read: connection reset by peer", "reset", {"source": "10.244.1.5", "host": "10.97.2.3", "port": 8080}),
    ('Post "http://cart.shop.svc:8080/add": context deadline exceeded (Client.Timeout exceeded while awaiting headers)', "timeout", {"host": "cart.shop.svc", "port": 8080}),
    ("net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)", "timeout", {}),
    ("Unable to connect to the server: net/http: TLS handshake timeout", "tls", {}),
    ('rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 10.97.9.9:50051: i/o timeout"', "timeout", {"host": "10.97.9.9", "port": 50051}),
    # Java
    ("java.net.ConnectException: Connection refused (Connection refused)", "refused", {}),
    ("java.net.SocketTimeoutException: Connect timed out", "timeout", {}),
    ("java.net.UnknownHostException: postgres.data", "name-not-found", {"unresolved": "postgres.data"}),
    ("java.net.UnknownHostException: postgres.data: Temporary failure in name resolution", "dns-timeout", {"unresolved": "postgres.data"}),
    ("java.net.NoRouteToHostException: No route to host", "no-route", {}),
    ("org.postgresql.util.PSQLException: Connection to postgres.data.svc:5432 refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections.", "refused", {"host": "postgres.data.svc", "port": 5432}),
    ("io.netty.channel.ConnectTimeoutException: connection timed out: redis.shop.svc/10.97.2.1:6379", "timeout", {"host": "redis.shop.svc", "address": "10.97.2.1", "port": 6379}),
    ("org.apache.http.conn.ConnectTimeoutException: Connect to api.payments.svc:8080 [api.payments.svc/10.97.2.3] failed: connect timed out", "timeout", {"host": "api.payments.svc", "port": 8080}),
    # Python
    ("ConnectionRefusedError: [Errno 111] Connection refused", "refused", {}),
    ("TimeoutError: [Errno 110] Connection timed out", "timeout", {}),
    ("socket.gaierror: [Errno -2] Name or service not known", "name-not-found", {}),
    ("socket.gaierror: [Errno -3] Temporary failure in name resolution", "dns-timeout", {}),
    ("requests.exceptions.ConnectTimeout: HTTPConnectionPool(host='cart.shop.svc', port=8080): Max retries exceeded with url: / (Caused by ConnectTimeoutError(<urllib3.connection.HTTPConnection object at 0x7f1>, 'Connection to cart.shop.svc timed out. (connect timeout=3)'))", "timeout", {"host": "cart.shop.svc", "port": 8080}),
    ("HTTPConnectionPool(host='cart.shop.svc', port=8080): Max retries exceeded with url: / (Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f1>: Failed to establish a new connection: [Errno 111] Connection refused'))", "refused", {"host": "cart.shop.svc", "port": 8080}),
    ("HTTPConnectionPool(host='cart.shop', port=80): Max retries exceeded with url: / (Caused by NameResolutionError(\"<urllib3.connection.HTTPConnection object at 0x7f1>: Failed to resolve 'cart.shop' ([Errno -2] Name or service not known)\"))", "name-not-found", {"unresolved": "cart.shop", "port": 80}),
    ("aiohttp.client_exceptions.ClientConnectorError: Cannot connect to host api:8080 ssl:default [Connect call failed ('10.97.0.1', 8080)]\nTimeoutError", "timeout", {"host": "api", "address": "10.97.0.1", "port": 8080}),
    ("redis.exceptions.ConnectionError: Error 111 connecting to redis.shop.svc:6379. Connection refused.", "refused", {"host": "redis.shop.svc", "port": 6379}),
    # Node.js
    ("Error: connect ETIMEDOUT 10.97.2.3:5432", "timeout", {"host": "10.97.2.3", "port": 5432}),
    ("Error: connect ECONNREFUSED 10.97.2.3:5432", "refused", {"host": "10.97.2.3", "port": 5432}),
    ("Error: getaddrinfo EAI_AGAIN api.payments", "dns-timeout", {"unresolved": "api.payments"}),
    ("Error: getaddrinfo ENOTFOUND api.payments", "name-not-found", {"unresolved": "api.payments"}),
    # psql, MySQL
    ('psql: error: connection to server at "postgres.data.svc" (10.97.1.1), port 5432 failed: Connection timed out\n\tIs the server running on that host and accepting TCP/IP connections?', "timeout", {"host": "postgres.data.svc", "address": "10.97.1.1", "port": 5432}),
    ('psql: could not connect to server: Connection timed out\n\tIs the server running on host "postgres" (10.97.1.1) and accepting\n\tTCP/IP connections on port 5432?', "timeout", {"host": "postgres", "address": "10.97.1.1", "port": 5432}),
    ('psql: error: could not translate host name "postgres.data" to address: Name or service not known', "name-not-found", {"unresolved": "postgres.data"}),
    ('psql: error: connection to server at "postgres.data.svc" (10.97.1.1), port 5432 failed: timeout expired', "timeout", {"port": 5432}),
    ("ERROR 2003 (HY000): Can't connect to MySQL server on 'db.data.svc:3306' (110)", "timeout", {"host": "db.data.svc", "port": 3306}),
    # nc, nslookup, dig
    ("nc: connect to 10.97.1.1 port 5432 (tcp) timed out: Operation now in progress", "timeout", {"host": "10.97.1.1", "port": 5432}),
    ("nc: connect to postgres.data.svc port 5432 (tcp) failed: Connection refused", "refused", {"host": "postgres.data.svc", "port": 5432}),
    ("nc: postgres (10.97.1.1:5432): Connection timed out", "timeout", {"host": "postgres", "address": "10.97.1.1", "port": 5432}),
    ("(UNKNOWN) [10.97.1.1] 5432 (postgresql) : Connection refused", "refused", {"host": "10.97.1.1", "port": 5432}),
    ("Ncat: TIMEOUT.", "timeout", {}),
    ('nc: getaddrinfo for host "api" port 80: Temporary failure in name resolution', "dns-timeout", {"unresolved": "api", "port": 80}),
    ("** server can't find api.payments: NXDOMAIN", "name-not-found", {"unresolved": "api.payments"}),
    (";; communications error to 10.96.0.10#53: timed out\n;; no servers could be reached", "dns-timeout", {"resolver": "10.96.0.10"}),
    (";; ->>HEADER<<- opcode: QUERY, status: SERVFAIL, id: 4711", "dns-failure", {}),
    # nginx and the ingress controller, Envoy
    ('2026/11/22 03:12:01 [error] 31#31: *4 upstream timed out (110: Operation timed out) while connecting to upstream, client: 192.0.2.9, server: shop.marlow.example, request: "GET / HTTP/2.0", upstream: "http://10.244.1.5:8080/", host: "shop.marlow.example"', "proxy-timeout", {"host": "10.244.1.5", "port": 8080}),
    ('2026/11/22 03:12:01 [error] 31#31: *4 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.9, server: shop, request: "GET / HTTP/1.1", upstream: "http://10.244.1.5:8080/", host: "shop"', "proxy-refused", {"host": "10.244.1.5", "port": 8080}),
    ('192.0.2.9 - - [22/Nov/2026:03:12:01 +0000] "GET / HTTP/2.0" 504 160 "-" "curl/8.5" 90 15.002 [shop-web-http] [] 10.244.1.5:8080, 10.244.2.6:8080 0, 0 5.001, 5.001 504, 504 6f1c', "proxy-timeout", {"host": "10.244.1.5", "port": 8080}),
    ('W1122 03:12:01.000000 7 controller.go:1112] Service "shop/web" does not have any active Endpoint.', "no-endpoints", {"backend": "shop/web"}),
    ("<html>\n<head><title>504 Gateway Time-out</title></head>", "proxy-timeout", {}),
    ("<head><title>502 Bad Gateway</title></head>", "proxy-refused", {"status": 502}),
    ("<h1>503 Service Temporarily Unavailable</h1>", "http-status", {"status": 503}),
    ("upstream connect error or disconnect/reset before headers. retried and the latest reset reason: connection timeout", "proxy-timeout", {}),
    ("no healthy upstream", "no-endpoints", {}),
    ("RBAC: access denied", "access-denied", {}),
    # kubectl events, admission, port-forward
    ('Warning  Unhealthy  2m (x14 over 5m)  kubelet  Readiness probe failed: Get "http://10.244.1.17:8080/healthz": context deadline exceeded (Client.Timeout exceeded while awaiting headers)', "timeout", {"host": "10.244.1.17", "port": 8080, "probe": True}),
    ('shop   2m   Warning   Unhealthy   pod/cart-6d5f-x2x4q   Readiness probe failed: dial tcp 10.244.1.17:6379: connect: connection refused', "refused", {"host": "10.244.1.17", "port": 6379, "probe": True}),
    ("Readiness probe failed: HTTP probe failed with statuscode: 503", "http-status", {"status": 503, "probe": True}),
    ('Internal error occurred: failed calling webhook "image-policy.platform.marlow.example": failed to call webhook: Post "https://image-policy.platform.svc:443/validate?timeout=5s": context deadline exceeded', "timeout", {"host": "image-policy.platform.svc", "port": 443, "webhook": True}),
    ('E1122 03:12:01.0 portforward.go:424] "Unhandled Error" err="an error occurred forwarding 8080 -> 80: error forwarding port 80 to pod 3f2c, uid : failed to execute portforward in network namespace "/var/run/netns/cni-1": failed to connect to localhost:80 inside namespace "3f2c", IPv4: dial tcp4 127.0.0.1:80: connect: connection refused"', "loopback", {"port": 80}),
    ("Handling connection for 8080\nerror: lost connection to pod", "loopback", {}),
    ("The connection to the server localhost:8080 was refused - did you specify the right host or port?", "refused", {"host": "localhost", "port": 8080, "api_server": True}),
    ("Unable to connect to the server: dial tcp 192.0.2.11:6443: i/o timeout", "timeout", {"host": "192.0.2.11", "port": 6443, "api_server": True}),
    # a connection that should have been blocked
    ("$ kubectl exec -n shop deploy/web -- nc -zv -w 3 ledger-db.payments.svc 5432\nledger-db.payments.svc (10.244.2.9:5432) open", "reached", {"source_pod": "shop/Deployment/web", "host": "ledger-db.payments.svc", "address": "10.244.2.9", "port": 5432}),
    ("Connection to 10.244.2.9 5432 port [tcp/postgresql] succeeded!", "reached", {"host": "10.244.2.9", "port": 5432}),
    # wrapped by a terminal, with colours, escaped in JSON
    ("\x1b[31mdial tcp 10.97.2.3:8080: \x1b[1mi/o timeout\x1b[0m", "timeout", {"host": "10.97.2.3"}),
    ("connect:\nconnection\nrefused", "refused", {}),
    ('{"level":"error","msg":"request failed","error":"Get \\"http://cart.shop.svc:8080/\\": dial tcp 10.97.2.3:8080: i/o timeout"}', "timeout", {"host": "cart.shop.svc", "address": "10.97.2.3", "port": 8080}),
]  # fmt: skip

# Of another matter, although words of a failed connection occur.
OTHERS = (
    "",
    "all is well",
    'pods is forbidden: User "mara" cannot list resource "pods" in API group ""',
    'Failed to pull image "registry.example/app:1": dial tcp 192.0.2.80:443: i/o timeout',
    "Back-off restarting failed container: CrashLoopBackOff",
    "0/3 nodes are available: 3 Insufficient cpu",
)
