"""An ingress controller for the tests: it writes nginx's configuration from every Ingress of its class, and reloads it
on changes. It stands in for a real controller, because none can be built on every machine.

It runs in a pod with Python's standard library only.
"""

import json
import os
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CLASS = os.environ["INGRESS_CLASS"]
CONFIGURATION = Path("/tmp/nginx.conf")
# Requests go to the Service's address, and kube-proxy chooses the pod. The address is listed three times so that nginx
# tries it three times, as a real controller tries other pods when one refuses a connection.
TRIES = 3
HEAD = """\
worker_processes 1;
pid /tmp/nginx.pid;
error_log /dev/stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  client_max_body_size 64m;
  server_names_hash_bucket_size 128;
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_connect_timeout 5s;
  proxy_read_timeout 60s;
  server { listen 8080 default_server; return 404; }
"""


def get(path):
    """Return a response of the API server."""
    headers = {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"}
    server = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    request = urllib.request.Request(server + path, headers=headers)
    context = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")
    with urllib.request.urlopen(request, timeout=10, context=context) as answer:
        return json.load(answer)


def configuration(ingresses, services):
    """Return nginx's complete configuration. An Ingress whose Service is not found returns 503."""
    addresses = {
        (each["metadata"]["namespace"], each["metadata"]["name"], key): f"{each['spec']['clusterIP']}:{port['port']}"
        for each in services
        for port in each["spec"].get("ports", [])
        for key in (port.get("name"), port["port"])
    }
    servers, upstreams = [], set()
    for ingress in sorted(ingresses, key=lambda each: each["metadata"]["uid"]):
        if ingress["spec"].get("ingressClassName") != CLASS:
            continue
        for rule in ingress["spec"].get("rules", []):
            locations = []
            for path in rule.get("http", {}).get("paths", []):
                service = path["backend"]["service"]
                port = service["port"].get("name") or service["port"].get("number")
                address = addresses.get((ingress["metadata"]["namespace"], service["name"], port))
                if address:
                    upstreams.add(address)
                action = f"proxy_pass http://{upstream(address)};" if address else "return 503;"
                prefix = path["path"].rstrip("/")
                locations.append(f"    location {prefix}/ {{ {action} }}\n")
                if prefix:
                    locations.append(f"    location = {prefix} {{ {action} }}\n")
            servers.append(
                f"  server {{\n    listen 8080;\n    server_name {rule['host']};\n{''.join(locations)}  }}\n"
            )
    tries = [
        f"  upstream {upstream(address)} {{ {TRIES * f'server {address} max_fails=0; '}}}\n"
        for address in sorted(upstreams)
    ]
    return HEAD + "".join(tries) + "".join(servers) + "}\n"


def upstream(address):
    """Return the name of a Service's upstream."""
    return "to-" + address.replace(".", "-").replace(":", "-")


def main():
    """Check for changes twice a second, as long as nginx runs."""
    written, nginx = "", None
    while nginx is None or nginx.poll() is None:
        try:
            ingresses = get("/apis/networking.k8s.io/v1/ingresses")["items"]
            wanted = configuration(ingresses, get("/api/v1/services")["items"])
        except OSError as error:
            print(f"the API server does not answer: {error}", file=sys.stderr, flush=True)
            time.sleep(1)
            continue
        if wanted != written:
            CONFIGURATION.write_text(wanted)
            command = ["nginx", "-e", "/dev/stderr", "-c", CONFIGURATION]
            if nginx is None:
                nginx = subprocess.Popen([*command, "-g", "daemon off;"])
            else:
                subprocess.run([*command, "-s", "reload"], check=True)
            written = wanted
        time.sleep(0.5)
    return nginx.returncode


if __name__ == "__main__":
    sys.exit(main())
