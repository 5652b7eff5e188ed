#!/usr/bin/env python3
# /// script
# requires-python = ">=3.9"
# dependencies = ["requests>=2.28", "websocket-client>=1.5"]
# ///
"""Check a JupyterHub from the outside, the way a user's browser meets it.

    python hubcheck.py https://hub.example.com/jupyter/
    python hubcheck.py https://hub.example.com/jupyter/ --user alice --password-file alice.txt
    python hubcheck.py https://hub.example.com/jupyter/ --token-file token.txt
    journalctl --unit jupyterhub | python3 hubcheck.py --log -

It climbs, rung by rung, from "the hub answers" to "%jigsaw may be shown", and stops at the first rung that fails:
that rung and what the server said are the diagnosis. Without a user it checks only what anybody can see, and changes
nothing. With a password it logs in as a browser does; with a token (from --token-file, or HUBCHECK_TOKEN in the
environment) it does all that a token can. It starts the user's server if it is not running, starts a kernel and a
terminal, uploads files into a folder of its own, and takes away again all that it made.

With --log it asks nobody: it reads a log, and names the pages of the guide that have lines of it.

Exit status: 0 all rungs hold, 1 a rung failed, 2 wrong usage. With --log: 0 nothing known found, 1 something, 2 no text to read.
"""

from __future__ import annotations

import argparse
import base64
import codecs
import getpass
import hashlib
import html
import ipaddress
import json
import os
import re
import secrets
import signal
import socket
import ssl
import sys
import time
import uuid
from contextlib import suppress
from fnmatch import fnmatch
from functools import cached_property
from html import unescape
from http.client import responses as STATUS_WORDS
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, quote, urljoin, urlsplit
from xml.etree import ElementTree

# LIBRARIES
# The two packages from PyPI that the check needs. --help and --log need neither.

LACKING = ""
requests = websocket = None
try:
    import requests
    import websocket
except ImportError as missing:
    LACKING = missing.name or str(missing)


# CAUSES ON THE WAY
# What can be seen of an address, a certificate, a connection, a WebSocket or a redirect, and the causes of each.
#
# What the editor says is here too: its errors hold the words of connections, so they are looked at before those.


class OneOf(NamedTuple):
    """Causes of which one holds, and how to find out which."""

    causes: tuple[str, ...]
    decide: str


# Who answers in the place of Jupyter: a reverse proxy, a balancer, a firewall, or nobody knows who.
BEFORE = r"\(from (?!the hub|the user's server|JupyterHub's own proxy)[^()]*\)"
# What a connection of the check's own says, not a spawner's or a kernel's in an answer.
OWN = r"^(?!the server does not start|.* -> \d).*"
# What a server says, why it says so (for certain, or one of several causes), and the page of the guide that tells what to do.
# The first match counts.
ON_THE_WAY: list[tuple[str, str | OneOf, str]] = [
    (
        r"JupyterHub answers at http://(?!127\.|localhost|\[::1\])(\S+), not at https://\1(?!\S)",
        "The hub's site is for plain HTTP alone: at the port of https:// another site has the hub's name, or none has. Give the hub's "
        "site HTTPS, and have plain HTTP lead there.",
        "deploy/reverse-proxy",
    ),
    (
        r"JupyterHub answers at (\S+//[^/\s]+/)(\S+/), not at \1(?!\2)\S",
        OneOf(
            (
                "The address given is not the hub's: give the other one.",
                "Two hubs are on this host. The reverse proxy does not lead to the one that you gave.",
            ),
            "compare with the address that users open.",
        ),
        "deploy/check",
    ),
    (
        r"JupyterHub answers at",
        "The address given is not the hub's. Give the other one, with its https, its port and its path: it ends with the base URL.",
        "deploy/check",
    ),
    (
        r"it begins with http://|plain HTTP request was sent|speaking plain HTTP",
        "The address given begins with http://, and the site wants https://.",
        "deploy/check",
    ),
    (
        r"leads (back to itself|in a circle|out of https)",
        OneOf(
            (
                "TLS ends in front of the server that redirects. It sees plain HTTP alone: it sends everybody to HTTPS again, or to http://.",
                "The server that redirects has a line for port 80 in its site for port 443 too.",
            ),
            "look for the certificate: if another machine or service holds it, it is the first.",
        ),
        "troubleshooting/err-too-many-redirects",
    ),
    (
        r"leads elsewhere",
        OneOf(
            ("Users reach the hub by another address, to which this one sends them.", "A login in front of the hub comes first."),
            "open the address in a browser. If the hub's page comes, give the address that the browser then shows.",
        ),
        "deploy/check",
    ),
    (
        r"the address has no path",
        OneOf(
            (
                "Users see the hub below a path, and the address given lacks it.",
                "The path differs between the reverse proxy and JupyterHub: c.JupyterHub.bind_url (or base_url), and the proxy's "
                "{path|location or ProxyPass}.",
            ),
            "look at the path in the address that users open.",
        ),
        "deploy/check",
    ),
    (
        r"\(from a firewall\)",
        "A firewall that reads what users send refuses this request. It has to let everything below the hub's path pass.",
        "troubleshooting/invalid-response-403-forbidden",
    ),
    (
        r"whose text looks like an attack.*" + BEFORE,
        "Something before Jupyter reads what users save, and refuses some of it: a firewall, or a rule of the reverse proxy. "
        "It has to let everything below the hub's path pass.",
        "troubleshooting/invalid-response-403-forbidden",
    ),
    (
        r"^(PUT|DELETE|POST(?= \S*hub/login)) (.* -> 4(?!13).*" + BEFORE + "|.*closed connection without response)",
        OneOf(
            (
                "What answered lets only some methods of HTTP pass. {methods|nginx: limit_except. Apache: LimitExcept.} "
                "JupyterLab needs PUT, PATCH and DELETE too.",
                "A firewall refuses what the request holds.",
            ),
            "look for these words in the files of what answered, and for a firewall's module.",
        ),
        "troubleshooting/invalid-response-403-forbidden",
    ),
    (
        r"not the guide's editor",
        "The guide's editor is not installed where this kernel runs. MetaKernel's own lets any message run code in the notebook's page. "
        "If you chose it all the same, this is no fault: everything above holds.",
        "jigsaw/configure",
    ),
    (
        r"%jigsaw.*(urlopen error|HTTP Error)",
        "This is MetaKernel's own %jigsaw, which downloads its page from calysto.github.io, and the server does not reach it.",
        "troubleshooting/jigsaw-urlopen-error",
    ),
    (
        r"%jigsaw did not end",
        OneOf(
            (
                "This is MetaKernel's own %jigsaw, which waits for a page from calysto.github.io.",
                "The kernel answered before, and is now busy or stuck.",
            ),
            "run %jigsaw in a notebook, and wait for its error.",
        ),
        "troubleshooting/jigsaw-urlopen-error",
    ),
    (
        r"(part of JupyterLab's page|Blockly) does not load.* -> (200|40\d).*" + BEFORE,
        "Another rule of the reverse proxy answers for scripts and styles before the hub's own does. {scripts|nginx: a location for "
        "\\.(js|css)$ wins over location /jupyter/; with location ^~ /jupyter/ it does not.}",
        "troubleshooting/scripts-are-not-found",
    ),
    (
        r"Blockly does not load(?!.* -> 50\d)",
        "The user's server does not send Blockly: extra_static_paths in jupyter_server_config.py.",
        "troubleshooting/blockly-does-not-load",
    ),
    (
        r"own host name, .*(Failed to resolve|Name or service not known|name resolution|getaddrinfo)",
        "The DNS knows the hub's name, but not the names of users' servers. Enter *. before the hub's name there too.",
        "deploy/user-hosts",
    ),
    (
        r"own host name, .*(Hostname mismatch|doesn't match)",
        "The certificate is for the hub's name, but not for the names of users' servers. Get one that has *. before the hub's name too.",
        "deploy/user-hosts",
    ),
    (
        r"^GET https?://\S+/user/\S+ (-> |ends on ).*" + BEFORE,
        "Another site of the reverse proxy answers at the names of users' servers. {names|nginx: server_name. Apache: ServerAlias.} "
        "The hub's site has to name them.",
        "deploy/user-hosts",
    ),
    (
        r"answers past the reverse proxy",
        "The hub listens on every interface, in plain HTTP. c.JupyterHub.bind_url names the loopback address; base_url alone does not.",
        "troubleshooting/port-8000-is-open",
    ),
    (
        OWN + r"certificate has expired",
        OneOf(("The certificate has expired.", "This machine's clock is ahead."), "run date on this machine."),
        "troubleshooting/certificate-has-expired",
    ),
    (
        OWN + r"certificate is not yet valid",
        OneOf(("This machine's clock is behind.", "The certificate is for later."), "run date on this machine."),
        "troubleshooting/certificate-is-not-yet-valid",
    ),
    (
        OWN + r"(?:Hostname mismatch|IP address mismatch|doesn't match)",
        "The certificate is for another name.",
        "troubleshooting/certificate-for-another-name",
    ),
    (
        # What OpenSSL says of a certificate under VERIFY_X509_STRICT alone, which Python sets since 3.13.
        OWN + r"certificate verify failed: ((CA cert does not include|Using cert extension requires) |Missing .* Key Identifier|"
        r".* marked critical|Path length (invalid|given) |Key usage keyCertSign |(Issuer|Subject) name empty|"
        r"Empty Subject Alternative |Subject empty and |.* explicit ECC parameters|cert info signature and )",
        "Python 3.13 and newer refuse a certificate that departs from the standard in this way: the site's own, or its authority's. "
        "Browsers, curl and older Pythons may accept it. Get a new one that has what is named here.",
        "troubleshooting/certificate-is-not-trusted#only-new-pythons-refuse-it",
    ),
    (
        OWN + r"certificate verify failed",
        OneOf(
            (
                "Nobody whom this machine trusts has signed the certificate. For one of your own: --ca-file.",
                "The server does not send the intermediate certificates.",
            ),
            "openssl s_client -showcerts -connect HOST:443 shows what the server sends.",
        ),
        "troubleshooting/certificate-is-not-trusted",
    ),
    (
        OWN + r"(?:NameResolution|Name or service not known|name resolution|getaddrinfo)",
        "The host name does not resolve on this machine.",
        "deploy/reverse-proxy",
    ),
    (
        r"nginx answers on port 80 alone",
        OneOf(("nginx refused the hub's file.", "nginx does not read the hub's file."), "nginx -t on the server."),
        "troubleshooting/unknown-directive-ssl",
    ),
    (
        r"Apache answers on port 80 alone",
        OneOf(("Apache refused the hub's file.", "The hub's site is not enabled."), "apachectl -t on the server."),
        "troubleshooting/invalid-command-requestheader",
    ),
    (
        OWN + r"Connection refused",
        OneOf(
            ("The port is another one.", "The reverse proxy is not running.", "A firewall refuses."),
            "ss -ltn on the server shows which ports are open.",
        ),
        "deploy/reverse-proxy",
    ),
    (
        OWN + r"(SSL[:_ ]|TLS[:_ ]|wrong version number)",
        OneOf(
            ("Another program than the reverse proxy listens on that port.", "The reverse proxy's site for that port does not use TLS."),
            "ss -ltnp on the server names the program.",
        ),
        "deploy/reverse-proxy",
    ),
    (
        r'api/events/subscribe(?! -> 50\d).*(Can "Upgrade" only|"Connection" must be|' + BEFORE + ")",
        "The reverse proxy lets WebSockets pass for a list of paths only"
        "{some|: a location or Location of its own for kernels and terminals}. All of the hub needs it.",
        "troubleshooting/websockets-of-some-paths-only",
    ),
    (
        r"(a WebSocket's address|the encoded name|an encoded slash).* -> 400 (Bad Request|on the WebSocket) "
        r"\(from (another program|a program in Go)",
        OneOf(
            (
                "Traefik refuses addresses with encoded characters: encodedCharacters of the entry point, or a middleware. "
                "Some versions, such as 3.6.4, refuse them unless it allows them.",
                "A firewall refuses such addresses.",
            ),
            "look at Traefik's version, and for encodedCharacters in its files. If no Traefik is there, it is the second.",
        ),
        "troubleshooting/not-found-for-an-encoded-slash",
    ),
    (
        r"a WebSocket's address with(?!.* -> 50\d)",
        "The reverse proxy takes the addresses of WebSockets apart. {apart|Apache: a RewriteRule to ws://, in place of which "
        "upgrade=websocket on ProxyPass does it.}",
        "troubleshooting/unsafe-url-with-3f",
    ),
    (
        r'("Upgrade"|-> 426 ).*; asked over the network',
        OneOf(
            (
                "The reverse proxy does not tunnel WebSockets. {upgrade|nginx: proxy_set_header Upgrade $http_upgrade and "
                "proxy_set_header Connection. Apache: upgrade=websocket on ProxyPass.}",
                "Something between this machine and the server takes the upgrade away: a balancer, a program against viruses, "
                "a proxy of the network.",
            ),
            "run the check on the server itself, with --resolve HOST:443:127.0.0.1. If that passes, it is the second.",
        ),
        "troubleshooting/can-upgrade-only-to-websocket",
    ),
    (
        r'Can "Upgrade" only to "WebSocket"|-> 426 ',
        "A reverse proxy on the way does not tunnel WebSockets. {upgrade|nginx: proxy_set_header Upgrade $http_upgrade and "
        "proxy_set_header Connection. Apache: upgrade=websocket on ProxyPass.}",
        "troubleshooting/can-upgrade-only-to-websocket",
    ),
    (
        r'"Connection" must be "Upgrade"',
        "A reverse proxy on the way does not ask for the upgrade. {upgrade|nginx: proxy_set_header Connection, from the map at the top.}",
        "troubleshooting/connection-must-be-upgrade",
    ),
    (
        r"Cross origin|Cross Origin",
        OneOf(
            (
                "The reverse proxy changes the Host header, so the origin looks foreign. {host|nginx: proxy_set_header Host $http_host. "
                "Apache: ProxyPreserveHost On.}",
                "It changes the Origin header: a line for Origin, which has to go.",
            ),
            "the log of the user's server has both, after Blocking Cross Origin: what is not as in the browser's address is changed.",
        ),
        "troubleshooting/cross-origin-websockets-not-allowed",
    ),
    (
        r"-> 403 on the WebSocket.*\(from the user's server\)",
        OneOf(
            (
                "The reverse proxy drops the header Cookie (with a token: Authorization).",
                "The login has ended meanwhile.",
            ),
            "log in again, and run the check again. If it is the first, the log of the user's server has "
            "a line each time: Couldn't authenticate WebSocket connection.",
        ),
        "deploy/how-the-parts-fit",
    ),
    (
        r"-> (?!50[234])\d+ on the WebSocket.*" + BEFORE,
        OneOf(
            (
                "A rule of the reverse proxy refuses the WebSocket.",
                "Something between this machine and the server does: a firewall, a program against viruses, a proxy of the network.",
            ),
            "run the check on the server itself, with --resolve HOST:443:127.0.0.1. If that passes, it is the second.",
        ),
        "deploy/how-the-parts-fit",
    ),
    (
        r"went silent|closed the idle",
        OneOf(
            (
                "The reverse proxy closes idle connections. {idle|nginx: proxy_read_timeout and proxy_send_timeout. "
                "Apache: timeout= on ProxyPass.}",
                "A balancer or a firewall in front of it does.",
            ),
            "run the check on the server itself, with --resolve HOST:443:127.0.0.1. If that passes, it is the second.",
        ),
        "troubleshooting/websocket-closes-when-idle",
    ),
    (
        r"closed in the middle of the upload",
        OneOf(
            (
                "What users reach has a time limit for a whole request, and the upload takes longer. Traefik: readTimeout of the entry "
                "point, a minute by default.",
                "It ends uploads that are too large.",
            ),
            "try files of different sizes. If all fail after the same time, it is the first.",
        ),
        "troubleshooting/upload-breaks-off",
    ),
    (
        r"-> 413",
        "What answered limits the size of a request. {size|nginx: client_max_body_size.}",
        "troubleshooting/request-entity-too-large",
    ),
    (
        r"arrived all at once",
        "A reverse proxy on the way holds back the event stream. "
        "{events|nginx: proxy_buffering off, for the progress of a starting server.}",
        "troubleshooting/progress-stays-at-zero",
    ),
    (
        r"without Secure",
        OneOf(
            (
                "The reverse proxy does not tell the hub that users come by HTTPS. {scheme|nginx: proxy_set_header X-Scheme $scheme. "
                "Apache: RequestHeader set X-Scheme https.}",
                "TLS ends in front of the reverse proxy{plain|, whose $scheme is then http}.",
            ),
            "look for the certificate: if it is not in the reverse proxy's own file, it is the second.",
        ),
        "troubleshooting/cookies-without-secure",
    ),
    (
        r"^cookies do not come back",
        "Something on the way drops cookies: the reverse proxy, by a line for Cookie or Set-Cookie, or a cache or a CDN in front of it.",
        "troubleshooting/redirected-you-too-many-times",
    ),
    (
        r"XSRF cookie does not match|a new XSRF cookie|Login form invalid|'_xsrf' argument missing",
        OneOf(
            (
                "The hub sees each request come from another address or browser. {address|nginx: proxy_set_header X-Real-IP "
                "$remote_addr. Apache: RequestHeader set X-Real-IP.}",
                "Something on the way drops cookies.",
            ),
            "look for Cookie in the files of the reverse proxy, and for a cache or a CDN in front of it. Without them, it is the first.",
        ),
        "troubleshooting/xsrf-cookie-does-not-match",
    ),
    (
        r"port 80 answers without",
        OneOf(
            (
                "Another site answers on port 80. {port|Apache: Debian's 000-default takes the machine's own name; disable it.}",
                "The hub's site has no redirect for port 80.",
            ),
            "{sites|apachectl -S or nginx -T on the server lists the sites.}",
        ),
        "troubleshooting/debians-page-instead-of-the-hub",
    ),
    (
        r"a long link.* -> 50[23]\b.*" + BEFORE,
        "The hub's answer to a long link has a long header, and the reverse proxy has no room for it. {room|nginx: proxy_buffer_size.}",
        "troubleshooting/upstream-sent-too-big-header",
    ),
    (
        r"a long link.* -> 414",
        "What answered limits the length of addresses. {long|nginx: large_client_header_buffers. Apache: LimitRequestLine.}",
        "troubleshooting/upstream-sent-too-big-header",
    ),
]


# CAUSES AT A PROVIDER
# What can be seen of a login at a provider, of OpenID Connect for example, and the causes of each.

# Rows as those of ON_THE_WAY. What they match begins with the provider, so they are looked at first.
AT_A_PROVIDER: list[tuple[str, str | OneOf, str]] = [
    (
        r"^the provider refuses .*redirect.?uri",
        "The provider does not know the address to which it is to send users back. Register the address there, or correct "
        "oauth_callback_url: both are the same, letter for letter.",
        "troubleshooting/redirect-uri-did-not-match",
    ),
    (
        r"^the provider refuses",
        OneOf(
            (
                "The provider does not know the address to which it is to send users back: oauth_callback_url.",
                "It does not know the client: client_id.",
                "The client may not ask for one of the scopes: scope.",
            ),
            "the provider's words above, or its log.",
        ),
        "troubleshooting/redirect-uri-did-not-match",
    ),
    (
        r"^the provider sends users back to \w+://([^/\s]+)/\S*, not to \w+://\1/",
        "oauth_callback_url has another path than the hub: it is the hub's address with the base URL, and hub/oauth_callback.",
        "troubleshooting/redirect-uri-did-not-match",
    ),
    (
        r"^the provider sends users back",
        "Users open the hub by another name than the one in oauth_callback_url. The cookie of their login stays with the name that they "
        "opened. Have both be the same.",
        "troubleshooting/oauth-state-missing-from-cookies",
    ),
    (
        r"^the provider does not answer",
        OneOf(
            (
                "This machine does not reach the provider: its name leads to another address here, or a firewall refuses.",
                "The provider is down.",
            ),
            "open the provider's address in a browser on another machine. If its page comes, it is the first.",
        ),
        "troubleshooting/internal-server-error-after-the-provider",
    ),
]


# CAUSES AT THE HUB
# What can be seen in answers of the hub's API, the login, a user's server, its page, and the causes of each.

# Rows as those of ON_THE_WAY, and looked at after them.
AT_THE_HUB: list[tuple[str, str | OneOf, str]] = [
    (
        r"Redirect loop detected.*; the user's server answered",
        OneOf(
            (
                "The user's server does not reach the hub.",
                "The user's server has another version of JupyterHub than the hub, and they do not understand each other.",
            ),
            'journalctl --namespace "*" --unit jupyter-NAME on the server: "Failed to connect to my Hub" is the first. The second is '
            "rare: servers of much older versions worked when we tried them.",
        ),
        "troubleshooting/redirected-you-too-many-times",
    ),
    (
        r"TooManyRedirects|Exceeded \d+ redirects",
        OneOf(
            ("Cookies do not come back: something drops them on the way.", "Two rules of the reverse proxy send people to each other."),
            "-v shows the addresses. If they are the hub's and the server's own, it is the first.",
        ),
        "troubleshooting/redirected-you-too-many-times",
    ),
    (
        r"Redirect loop detected",
        OneOf(
            (
                "The reverse proxy goes to the hub's inner port, past the hub's own proxy: it has to name the port in "
                "c.JupyterHub.bind_url.",
                "The hub's own proxy has lost its way to the user's server: it was restarted without the hub.",
            ),
            "restart the hub, and run the check again. If it still fails, it is the first.",
        ),
        "troubleshooting/redirected-you-too-many-times",
    ),
    (
        r"hub/(api|login) -> (401\b|400 .*SSL certificate).*" + BEFORE,
        "A login in front of the hub comes first: what answered asks for a password of its own"
        "{login| (nginx: auth_basic; Apache: AuthType)}, or for a certificate of the visitor"
        "{visitor| (ssl_verify_client; SSLVerifyClient)}.",
        "deploy/check",
    ),
    (
        r"users log in elsewhere",
        "Users of this hub log in at another site, where the check cannot. Make a token in the hub's page Token, and give it in the place "
        "of the user.",
        "deploy/check",
    ),
    (
        r"hub/api -> 50[234]\b.*" + BEFORE,
        OneOf(
            (
                "The hub does not run{down|}.",
                "The hub listens on another port than the one that the reverse proxy names.",
                "One of the two speaks TLS with the other, and the other does not: {tls|https:// or http:// in proxy_pass or ProxyPass}.",
                "The hub's own proxy may open no more files: LimitNOFILE in the hub's unit.",
            ),
            "systemctl status jupyterhub.service and ss -ltn on the server show the first two. If pages come at times, or the hub's log "
            "says EMFILE, it is the fourth.",
        ),
        "troubleshooting/bad-gateway-or-service-unavailable",
    ),
    (
        r"-> 50[234]\b.*" + BEFORE,
        OneOf(
            (
                "What answered gave this request up: it took too long, or it or its answer was too large.",
                "The hub or its own proxy ended meanwhile.",
                "The hub's own proxy may open no more files: LimitNOFILE in the hub's unit.",
            ),
            "the error log of what answered, and journalctl --unit jupyterhub.service, which says EMFILE if it is the third.",
        ),
        "troubleshooting/bad-gateway-or-service-unavailable",
    ),
    (
        r"hub/api -> 500.*\(from Apache\)",
        OneOf(
            (
                "Apache's module proxy_http is not enabled.",
                "ProxyPass has an address with https://, and the hub does not speak TLS, or SSLProxyEngine On is missing.",
                "Apache failed in another way.",
            ),
            "its error log says AH01144 if it is the first, and SSL if it is the second.",
        ),
        "troubleshooting/internal-server-error-from-apache",
    ),
    (
        r"hub/api -> .*configurable-http-proxy",
        OneOf(
            ("The hub's own proxy is left over from an earlier hub, and the hub does not run.", "The hub is starting."),
            "systemctl status jupyterhub.service on the server.",
        ),
        "troubleshooting/proxy-of-an-earlier-hub",
    ),
    (
        r"-> 503\b.*\(from JupyterHub's own proxy\)",
        OneOf(
            (
                "The hub's own proxy may open no more files: LimitNOFILE in the hub's unit.",
                "The hub runs no more, and its own proxy is still there.",
            ),
            'the hub\'s log has the reason beside each 503: "connect EMFILE" is the first, "connect ECONNREFUSED" the second.',
        ),
        "troubleshooting/connect-emfile",
    ),
    (
        r"hub/api -> 404.*\(from JupyterHub's own proxy\)",
        OneOf(
            ("The hub's own proxy runs, but the hub does not: it failed when it started.", "The hub is still starting."),
            "the hub's log: journalctl --unit jupyterhub.service.",
        ),
        "deploy/run-as-a-service",
    ),
    (
        r"hub/api -> 200, but no JupyterHub: null \(from Caddy\)",
        "Nothing in Caddy's file takes this path on this host: it answers with an empty page and status 200. A handle, route or "
        "reverse_proxy for the hub's path has to match it.",
        "troubleshooting/not-found-under-the-base-url",
    ),
    (
        r"hub/api -> 404.*\(from a program in Go",
        OneOf(
            (
                "Traefik has no router for this address: the rule's Host or PathPrefix is another, the router is not at this entry point, "
                "or Traefik has refused the router.",
                "Another program in Go answers at this address.",
            ),
            "Traefik's dashboard lists its routers; its log says why it has refused one.",
        ),
        "troubleshooting/not-found-under-the-base-url",
    ),
    (
        r"hub/api -> ((?!30\d).*\(from (another program|nginx or|Apache or)|200.*\(from (Caddy|HAProxy|a program in Go))",
        OneOf(
            (
                "Another program listens on the port that the reverse proxy names: the hub's own proxy could not start there.",
                "Another site, or a login in front of the hub, answers at this address.",
            ),
            "ss -ltnp on the server names the program on the hub's port.",
        ),
        "troubleshooting/address-already-in-use",
    ),
    (
        r"hub/(api|login) -> 403\b.*" + BEFORE,
        OneOf(
            (
                "What answered lets only some addresses in, such as a balancer's. "
                "{allow|nginx: allow, deny or return 403. Apache: Require.}",
                "A firewall refuses.",
            ),
            "look for these words in the files of what answered. Without them, it is the second.",
        ),
        "troubleshooting/forbidden-for-everybody",
    ),
    (
        r"hub/api -> (404|30\d).*\(from the hub\)",
        "The path differs between the reverse proxy and JupyterHub: compare c.JupyterHub.bind_url (or base_url) in jupyterhub_config.py "
        "with the proxy's {path|location or ProxyPass}.",
        "troubleshooting/not-found-under-the-base-url",
    ),
    (
        r"hub/api -> (404|30\d)",
        OneOf(
            (
                "The path differs between the reverse proxy and JupyterHub: c.JupyterHub.bind_url (or base_url) in jupyterhub_config.py, "
                "and the proxy's {path|location or ProxyPass}.",
                "Another site of the reverse proxy answers for this name.",
            ),
            "{sites|nginx -T or apachectl -S on the server lists the sites.}",
        ),
        "troubleshooting/not-found-under-the-base-url",
    ),
    (
        r"no redirect",
        "The path without its last slash leads nowhere. "
        "{slash|Apache: RedirectMatch. nginx: a location that ends in a slash does it by itself.}",
        "troubleshooting/not-found-without-the-last-slash",
    ),
    (
        r"does not know this token",
        "The token has expired, was revoked, or is another hub's.",
        "deploy/check",
    ),
    (
        r"not authorized with current scopes|-> 403.*scope",
        "The token may not do this. It needs the scope 'self', as tokens have that a user makes for themselves without naming scopes.",
        "deploy/check",
    ),
    (
        r"is not allowed\. \(from the user's server\)",
        OneOf(
            ("The token may not enter this server: it lacks the scope 'self' or 'access:servers'.", "The server is another user's."),
            "make a token in the hub's page Token without naming scopes, and run the check again.",
        ),
        "deploy/check",
    ),
    (
        r"hub/login -> 403.*\(from the hub\)",
        OneOf(
            (
                "The password is wrong or has expired, or the system does not let the account in.",
                "Nobody has allowed this user: Authenticator.allowed_users, allowed_groups or allow_all.",
            ),
            "the hub's log tells which.",
        ),
        "troubleshooting/invalid-username-or-password",
    ),
    (
        r"hub/login -> 500.*a capital letter",
        OneOf(
            (
                "JupyterHub changes names to lower case, and there is no account of that name. "
                "c.Authenticator.username_map gives it its capital letters back.",
                "The hub failed in another way.",
            ),
            "the hub's log says getpwnam if it is the first.",
        ),
        "troubleshooting/getpwnam-name-not-found",
    ),
]


# CAUSES IN A SERVER
# What can be seen in the start of a user's server, its policies, its kernels and its files, and the causes of each.

# Rows as those of ON_THE_WAY, and looked at last.
IN_A_SERVER: list[tuple[str, str | OneOf, str]] = [
    (
        r"Unhandled error starting server",
        OneOf(
            (
                "The hub starts servers itself, and its unit takes away the power to do so: User=root, or a CapabilityBoundingSet= "
                "without CAP_SETUID.",
                "The hub could not have systemd start the server, or the spawner failed.",
            ),
            'the hub\'s log says "Exception occurred in preexec_fn" if it is the first.',
        ),
        "troubleshooting/exception-occurred-in-preexec-fn",
    ),
    (
        r"Container \S+ ended",
        OneOf(
            (
                "The container does not reach the hub, because of c.JupyterHub.hub_bind_url or a firewall.",
                "The user's home belongs to somebody else, or the image is not right.",
            ),
            'docker logs NAME on the hub\'s machine: "Failed to connect to my Hub" is the first.',
        ),
        "deploy/docker",
    ),
    (
        r"Docker (says:|does not answer)",
        OneOf(
            (
                "The network that c.DockerSpawner.network_name names is not there.",
                "The image is not there.",
                "The user has no home folder, or Docker does not run.",
            ),
            '"network … not found" is the first, "No such image" the second, "bind source path" the third.',
        ),
        "deploy/docker",
    ),
    (
        r"ended before its server listened|batch job has disappeared",
        OneOf(
            (
                "The node lacks the hub's environment or batchspawner.",
                "The node has no home of this user's, or another than the hub's machine.",
                "The node does not reach the hub: c.JupyterHub.hub_bind_url and hub_connect_url.",
                "Slurm or somebody ended the job.",
                "The disk on which Slurm writes on the node is full.",
            ),
            'the job\'s log, ~/.jupyter-job.log in this guide: "not found" is the first, "Connection refused" the third, "CANCELLED" the '
            "fourth. Without one from this start, it is the second, or, if sinfo --list-reasons says so, the fifth.",
        ),
        "deploy/slurm",
    ),
    (
        r"took too long\. Slurm said last",
        OneOf(
            ("All nodes are full.", "Nodes are down or drained, or Slurm does not trust them."),
            "sinfo on the hub's machine: a state that ends in *, or begins with down or drain, is the second.",
        ),
        "deploy/slurm",
    ),
    (
        r"(sbatch|squeue|slurm_load_jobs|slurm\w*): error",
        OneOf(
            (
                "Slurm refuses the job: it asks for more than a partition lets jobs have.",
                "Slurm's controller does not answer.",
                "munge does not run on the hub's machine.",
                "The disk on which Slurm's controller writes is full.",
            ),
            '"Unable to contact slurm controller" is the second, "Munge encode failed" the third, "I/O error" the fourth. scontrol show '
            "partition has the limits of the first.",
        ),
        "deploy/slurm",
    ),
    (
        r"Spawn failed:$",
        OneOf(
            (
                "systemd did not start the user's server.",
                "The start took longer than c.Spawner.start_timeout allows, such as that of a job that waits for a node.",
            ),
            'the hub\'s log says why in systemd\'s words, such as "Unknown assignment" or "Failed to find executable", if it is the first.',
        ),
        "troubleshooting/unknown-assignment",
    ),
    (
        r"Server at http://(?!127\.|localhost|\[::1\])\S+ didn't respond in \d+ seconds",
        OneOf(
            (
                "The user's server runs on another machine or in a container, and does not reach the hub: c.JupyterHub.hub_bind_url "
                "and hub_connect_url name an address of this machine alone.",
                "The hub does not reach the user's server at that address.",
                "The server takes longer to come up than c.Spawner.http_timeout allows, or ends before.",
            ),
            'the log of the user\'s server: "Failed to connect to my Hub" is the first.',
        ),
        "troubleshooting/server-did-not-respond-in-time",
    ),
    (
        r"didn't respond in \d+ seconds",
        OneOf(
            ("The user's server takes longer to come up than c.Spawner.http_timeout allows.", "It ends before."),
            'journalctl --namespace "*" --unit jupyter-NAME on the server: the last lines say why it ended, if it did. '
            '"Failed at step CHDIR": its home is missing, or closed to the user.',
        ),
        "troubleshooting/server-did-not-respond-in-time",
    ),
    (
        r"refuses? JupyterLab's scripts",
        "The reverse proxy, or something in front of it, adds a Content-Security-Policy under which JupyterLab's pages stay blank.",
        "troubleshooting/jupyterlab-stays-blank",
    ),
    (
        r"(every page of the server|the hub's pages) may be framed",
        OneOf(
            (
                "frame-ancestors is set in jupyterhub_config.py or jupyter_server_config.py, for all pages: pages of other users or sites "
                "may frame them. Set it for files/ alone.",
                "The reverse proxy replaces or hides this header. {policy|nginx: add_header, proxy_hide_header. Apache: Header.}",
            ),
            "look for Content-Security-Policy in the files of the reverse proxy. If it is not there, it is the first.",
        ),
        "jigsaw/configure",
    ),
    (
        r"frame-ancestors 'none'",
        "The user's server forbids every frame. c.ContentsManager.files_handler_class in jupyter_server_config.py "
        "lifts that for files/ alone.",
        "troubleshooting/blank-jigsaw-iframe",
    ),
    (
        r"not sandboxed",
        "Something replaces the policy of files/ and drops its sandbox: a page there then acts as the user. "
        "Repeat 'sandbox allow-scripts'.",
        "jigsaw/configure",
    ),
    (
        r"Opener-Policy",
        "{opener|nginx: add_header Cross-Origin-Opener-Policy same-origin always. "
        "Apache: Header always set Cross-Origin-Opener-Policy same-origin.}",
        "jigsaw/configure",
    ),
    (
        r"api/kernelspecs -> 404 .*\(from the user's server\)",
        "The reverse proxy changes the Origin header: Jupyter takes every request of its pages for one of another site. The line goes.",
        "troubleshooting/cross-origin-websockets-not-allowed",
    ),
    (r"not among the kernels", "The kernel is not installed where this user's server looks.", "troubleshooting/kernel-not-in-the-launcher"),
    (
        r"File name too long",
        "The user's home lies so deep that a kernel's sockets have no room for their paths: "
        "JUPYTER_RUNTIME_DIR in jupyter_server_config.py.",
        "troubleshooting/file-name-too-long",
    ),
    (
        r"api/kernels -> 500(?!.*; \[Errno (?!2\]|13\]))",
        OneOf(
            ("kernel.json names a program that is not there.", "kernel.json names one that this user may not run."),
            "the words after the semicolon: [Errno 2] is the first, [Errno 13] the second.",
        ),
        "troubleshooting/error-starting-kernel",
    ),
    (
        r"the kernel ended while it computed",
        OneOf(
            (
                "The user's server and its kernels took more memory than c.Spawner.mem_limit allows, and Linux ended the kernel.",
                "All servers together took more than jupyter.slice allows, or than the machine has.",
                "The kernel's program ended by itself.",
            ),
            'journalctl --namespace "*" --unit jupyter-NAME says "killed by the OOM killer" if it is one of the first two.',
        ),
        "troubleshooting/kernel-appears-to-have-died",
    ),
    (
        r"the kernel did not answer|channels: the WebSocket does not open",
        OneOf(
            (
                "kernel.json names a Python in which the kernel is not installed.",
                "The kernel's program ends for want of something else: another program, or a variable of the environment.",
                "The kernel takes longer than --timeout.",
            ),
            'journalctl --namespace "*" --unit jupyter-NAME on the server shows the kernel\'s own error.',
        ),
        "troubleshooting/kernel-restarts-for-ever",
    ),
    (
        r"encoded slash",
        "The reverse proxy refuses encoded slashes. "
        "{slashes|Apache: AllowEncodedSlashes NoDecode. nginx: no path after the address in proxy_pass.}",
        "troubleshooting/not-found-for-an-encoded-slash",
    ),
    (
        r"encoded",
        "The reverse proxy decodes paths. {encoded|Apache: nocanon on ProxyPass. nginx: no path after the address in proxy_pass.}",
        "troubleshooting/bad-request-for-a-percent-sign",
    ),
    (
        r" -> 40[345]\b.*" + BEFORE,
        OneOf(
            (
                "Another rule of the reverse proxy answers for this path before the hub's own does. "
                "{rule|nginx: a location. Apache: a Location, an Alias or a RedirectMatch.}",
                "A firewall refuses this request.",
            ),
            "look for a part of this path in the files of what answered. If there is none, it is the second.",
        ),
        "troubleshooting/scripts-are-not-found",
    ),
]


# OTHER PROXIES
# The words of reverse proxies other than nginx and Apache for a cause: used when an answer shows that it comes from one of them.

OTHER_PROXIES: dict[str, dict[str, str]] = {
    "Caddy": {
        "address": "Caddy: header_up X-Real-IP {remote_host}.",
        "allow": "Caddy: a matcher remote_ip or client_ip.",
        "down": ", or Caddy's own check of it fails (health_uri)",
        "events": "Caddy: flush_interval -1 in reverse_proxy.",
        "host": "Caddy: a header_up for Host, which has to go.",
        "idle": "Caddy: stream_timeout in reverse_proxy.",
        "login": " (Caddy: basic_auth or forward_auth)",
        "methods": "Caddy: a matcher method.",
        "opener": "Caddy: header Cross-Origin-Opener-Policy same-origin.",
        "path": "handle, handle_path or route in Caddy's file: handle_path takes the path away",
        "policy": "Caddy: header.",
        "port": "",
        "rule": "Caddy: a handle, a route, a redir or a respond.",
        "scheme": "Caddy: header_up X-Scheme {scheme}.",
        "scripts": "Caddy: a handle or a file_server whose matcher takes them, such as *.js.",
        "sites": "caddy adapt --pretty --config /etc/caddy/Caddyfile on the server shows what takes which address.",
        "size": "Caddy: max_size in request_body.",
        "slash": "Caddy: redir /jupyter /jupyter/.",
        "some": ": a handle of its own for kernels and terminals",
        "tls": "https:// or http:// in reverse_proxy",
        "upgrade": "Caddy does it by itself: a header_up for Connection or Upgrade has to go.",
        "visitor": " (client_auth)",
    },
    "HAProxy": {
        "address": "HAProxy: http-request set-header X-Real-IP %[src].",
        "allow": "HAProxy: http-request deny with src.",
        "down": ", or HAProxy's own check of it fails (check on the line of the server)",
        "host": "HAProxy: a line http-request set-header Host, which has to go.",
        "idle": "HAProxy: timeout tunnel.",
        "login": " (HAProxy: http-request auth)",
        "methods": "HAProxy: http-request deny with method.",
        "opener": "HAProxy: http-after-response set-header Cross-Origin-Opener-Policy same-origin.",
        "path": "use_backend, or a line that changes the path",
        "policy": "HAProxy: http-response or http-after-response.",
        "rule": "HAProxy: use_backend, http-request deny, return or redirect.",
        "scheme": "HAProxy: http-request set-header X-Scheme https.",
        "scripts": "HAProxy: a use_backend whose condition takes them, such as path_end .js.",
        "sites": "the lines bind, use_backend and default_backend in HAProxy's file say what takes which address.",
        "size": "HAProxy: http-request deny deny_status 413.",
        "slash": "HAProxy: http-request redirect location /jupyter/ if { path /jupyter }.",
        "some": ": a use_backend of its own for kernels and terminals",
        "tls": "ssl on the line of the server",
        "upgrade": "HAProxy does it by itself: a line that deletes or sets Connection or Upgrade has to go.",
        "visitor": " (verify required)",
    },
    "a program in Go, such as Traefik": {
        "allow": "Traefik: ipAllowList.",
        "down": ", or Traefik's own check of it fails (healthCheck)",
        "host": "Traefik: passHostHeader: false, which has to go.",
        "login": " (Traefik: basicAuth or forwardAuth)",
        "methods": "Traefik: Method in the rule of the router.",
        "opener": "Traefik: customResponseHeaders, Cross-Origin-Opener-Policy: same-origin.",
        "path": "router (PathPrefix), or its middleware stripPrefix, which takes the path away",
        "policy": "Traefik: customResponseHeaders, contentSecurityPolicy.",
        "rule": "Traefik: a router with a longer rule or a higher priority.",
        "scheme": "Traefik: customRequestHeaders, X-Scheme: https.",
        "scripts": "Traefik: a router with a longer rule or a higher priority.",
        "sites": "Traefik's dashboard lists its routers.",
        "size": "Traefik: maxRequestBodyBytes of the middleware buffering.",
        "slash": "Traefik: redirectRegex.",
        "slashes": "Traefik: allowEncodedSlash of the entry point's encodedCharacters.",
        "some": ": a router of its own for kernels and terminals",
        "tls": "https:// or http:// in the server's url",
        "upgrade": "Traefik does it by itself: a middleware that sets Connection or Upgrade has to go.",
    },
}


# VERDICTS
# From what was seen to a verdict: the cause, how certain it is, and the page to read.

CAUSES = [*AT_A_PROVIDER, *ON_THE_WAY, *AT_THE_HUB, *IN_A_SERVER]


def fitting(text: str, proxy: str) -> str:
    """A cause in the words of the reverse proxy that is known to stand there. In a cause, {about|words} are those for nginx and
    Apache, which are told where no other is known; another has words of its own about that, or none."""
    own = OTHER_PROXIES.get(proxy)
    return re.sub(
        r"( ?)\{(\w+)\|([^}]*)\}", lambda to: f"{to[1]}{word}" if (word := to[3] if own is None else own.get(to[2], "")) else "", text
    )


def verdict(said: str, front: str = "") -> dict[str, str]:
    """What follows from what was said: certainty ("certain", "one of these", "not known"), cause, decide (how to find out which
    of several causes it is), and page; without a known cause, cause and decide are empty. `front` is the reverse proxy that other
    answers have shown: it counts where this one shows none."""
    cause, page = next(((cause, page) for seen, cause, page in CAUSES if re.search(seen, said)), ("", "troubleshooting/index"))
    named = re.search(r"\(from (nginx|Apache|[^()]*)", said)
    proxy = named[1] if named and (named[1] in OTHER_PROXIES or named[1] in ("nginx", "Apache")) else front
    if isinstance(cause, OneOf):
        numbered = " ".join(f"({number}) {fitting(text, proxy)}" for number, text in enumerate(cause.causes, 1))
        return {"certainty": "one of these", "cause": numbered, "decide": fitting(cause.decide, proxy), "page": page}
    return {"certainty": "certain" if cause else "not known", "cause": fitting(cause, proxy), "decide": "", "page": page}


def judged(result: dict, guide: str = "") -> list[str]:
    """A verdict as a person reads it, in lines."""
    lines = {
        "certain": [f"Cause: {result['cause']}"],
        "one of these": [f"One of these: {result['cause']}", f"To decide: {result['decide']}"],
        "not known": ["The cause is not known."],
    }
    return [*lines[result["certainty"]], f"Read: {address(result['page'], guide)}"]


def address(page: str, guide: str) -> str:
    """A page of the guide: its path there, or its whole address where the guide's own is known."""
    if not guide:
        return page
    path, mark, part = page.partition("#")
    return f"{guide.rstrip('/')}/{path}{'/index' if path.startswith('troubleshooting/') else ''}.html{mark}{part}"


# RESPONSES
# Reads an answer: what it says in words, and whether it comes from the hub, a user's server, or something before them.

# What programs say of themselves in the header Server, and what people call them. nginx and Apache put their name on the answers
# of what is behind them too.
NAMED = {
    r"caddy": "Caddy",
    r"traefik": "Traefik",
    r"haproxy": "HAProxy",
    r"cloudflare": "Cloudflare",
    r"awselb": "a balancer of AWS",
    r"big-?ip": "a balancer of F5",
    r"microsoft-azure": "a gateway of Azure",
    r"akamai": "Akamai",
    r"cloudfront": "CloudFront",
    r"google": "a balancer of Google",
    r"envoy": "Envoy",
    r"varnish": "Varnish",
    r"squid": "Squid",
    r"nginx|openresty": "nginx or a program behind it",
    r"apache": "Apache or a program behind it",
}
# Whose answers have come all the way.
JUPYTER = ("the hub", "the user's server")
# Characters of what is told of one thing.
LONGEST = 900
# Traefik does not say its name.
IN_GO = "a program in Go, such as Traefik"
# What the pages of such programs hold.
PAGES = {
    r"mod_?security|requested URL was rejected|web application firewall|incapsula|fortiguard|fortiweb|barracuda|sophos|zscaler"
    r"|blocked by|attack detected": "a firewall",
    r"configurable-http-proxy": "JupyterHub's own proxy",
    r"<center>(nginx|openresty)": "nginx",
    r"<address>Apache|//IETF//DTD HTML 2\.0//EN": "Apache",
    r"<html><body><h1>\d+ [^<]*</h1>\n": "HAProxy",
    r"\A(404 page not found|no available server)\s*\Z": IN_GO,
    r"<title>JupyterHub</title>": "the hub",
    r'<title>Jupyter|\bjupyter-config-data\b|\ACan "Upgrade" only|\A"Connection" must be|\ACross origin websockets': "the user's server",
}


class Failed(Exception):
    """A rung that does not hold; its text is what was seen."""


def answered(status: int, headers: dict, body: bytes | None, url: str) -> requests.Response:
    """An answer to a WebSocket's request, in the form of all others."""
    made = requests.Response()
    made.status_code, made.url, made._content, made.encoding = status, url, body or b"", "utf-8"
    made.headers.update(headers or {})
    return made


def whose(response: requests.Response) -> str:
    """Who gave an answer: "the hub", "the user's server", "JupyterHub's own proxy", a name of what stands before them, or
    "another program"."""
    path, text = urlsplit(response.url or "").path, response.text[:20000]
    servers = re.search("(?<!/hub)/user/", path)
    on = response.headers.get("Location", "")
    if "X-JupyterHub-Version" in response.headers or "/hub/user/" in on.partition("?")[0]:
        # Both have this header, unless a proxy hides it. Of what is below a user's path, the hub has its own error pages, and sends on to
        # itself.
        of_the_hub = "<title>JupyterHub</title>" in text or "/hub/user/" in on
        return "the user's server" if servers and not of_the_hub else "the hub"
    if response.status_code >= 400 or "html" in response.headers.get("Content-Type", ""):
        for page, name in PAGES.items():
            if re.search(page, text, re.I):
                return name
    with suppress(ValueError):
        body = json.loads(text)
        if isinstance(body, dict) and "message" in body and {"reason", "status"} & body.keys():
            return "the user's server" if servers else "the hub"
    # The hub's own proxy, where it has no page of the hub's to show; it has no other errors than these. Traefik says the others so.
    if "Content-Type" not in response.headers and text and text in (STATUS_WORDS.get(response.status_code), response.reason):
        return "JupyterHub's own proxy" if response.status_code in (404, 500, 503) else IN_GO
    server = response.headers.get("Server", "")
    return next((name for sign, name in NAMED.items() if re.match(sign, server, re.I)), "another program")


def proxies(response: requests.Response) -> set[str]:
    """The reverse proxies that an answer's headers name, though another program may have given it."""
    said = f"{response.headers.get('Server', '')} {response.headers.get('Via', '')}"
    return {name for name in ("nginx", "Apache", "Caddy") if re.search(rf"\b{name}\b", said, re.I)}


def read(response: requests.Response, asked: str):
    """What an answer in JSON holds; `Failed` if it is none."""
    try:
        return response.json() if response.content else None
    except ValueError:
        raise Failed(f"{asked} -> {response.status_code}, but not JSON: {excerpt(response)} (from {whose(response)})") from None


def refusal(response: requests.Response, asked: str) -> str:
    """What was asked for, what came instead, and from whom."""
    said = f"{asked} -> {response.status_code} {response.reason}: {excerpt(response)}".rstrip(": ")
    return f"{said} (from {whose(response)})"


def excerpt(response: requests.Response) -> str:
    """The part of an answer that a person would read: of a redirect, where it leads, but no query."""
    if response.is_redirect:
        return response.headers["Location"].partition("?")[0]
    with suppress(ValueError):
        body = response.json()
        if isinstance(body, dict) and "message" in body:
            return str(body["message"] or "")
    # Around it, the hub's pages have the same menus each time.
    said = re.search(r'(?s)<div class="error[^>]*>(.*?)</div>', response.text)
    return plain(said[1] if said else response.text)


def plain(text: str) -> str:
    text = re.sub(r"(?s)<(script|style).*?</\1>|<!--.*?-->|<[^>]+>", " ", text)
    return " ".join(text.split())[:200]


def shortened(text: str) -> str:
    """A text with its beginning and its end: a server may say as much as it likes, and what is said is looked through many times."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"


def visible(text: str) -> str:
    """A text without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def policies(response: requests.Response) -> list[dict[str, str]]:
    """The Content Security Policies of an answer, each as {directive: sources}; all of them count."""
    found = []
    for policy in response.headers.get("Content-Security-Policy", "").split(","):
        directives = [part.strip().partition(" ") for part in policy.split(";")]
        found.append({name.lower(): sources for name, _, sources in directives if name})
    return found


def words(failure: Exception) -> str:
    """An error in one line, without the names that libraries give to their objects."""
    inner = failure.args[0] if isinstance(failure, requests.ConnectionError) and failure.args else failure
    reason = getattr(inner, "reason", None)  # of the library below: an error, or its name
    inner = reason if isinstance(reason, Exception) else inner
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {inner.verify_message}"
    if isinstance(failure, requests.Timeout):
        return (
            f"no answer from {failure.request.url.partition('?')[0] if failure.request else 'the server'} in time: {type(failure).__name__}"
        )
    if isinstance(failure, requests.ConnectionError) and failure.request:
        asked = f"{failure.request.method} {urlsplit(failure.request.url).path}"
        if "closed connection without response" in str(inner):
            return f"{asked}: Remote end closed connection without response"
        # Each of them may come where the other side closes while a body is sent.
        if asked.startswith("PUT ") and re.search("EOF occurred in violation|Broken pipe|Connection reset", str(inner)):
            return f"{asked}: the connection was closed in the middle of the upload"
    if isinstance(failure, requests.TooManyRedirects):
        return f"{failure} TooManyRedirects"
    return " ".join(re.sub(r"<[^<>]*object at 0x[0-9a-f]+>:? ?", "", str(inner)).split())


# ADDRESSES
# Reads addresses: where an address leads, which addresses are this machine's own, and names that get another address for this run.


def astray(asked: str, target: str) -> str:
    """What is wrong with the address to which somebody is sent who asked for another one; empty if it is the path alone, or nothing."""
    first, then = urlsplit(asked), urlsplit(target)
    if asked == target:
        return "; that leads back to itself"
    if first.hostname == then.hostname and first.scheme != then.scheme:
        return "; that leads out of https" if first.scheme == "https" else ""
    return "" if (first.hostname, port_of(first)) == (then.hostname, port_of(then)) else "; that leads elsewhere"


def port_of(address: SplitResult) -> int | None:
    return address.port or {"http": 80, "https": 443}.get(address.scheme)


def own_address() -> str:
    """This machine's address in its network, by which others reach it; empty if it has none. Nothing is sent."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unsent:
        unsent.connect(("192.0.2.1", 9))
        return unsent.getsockname()[0]
    return ""


def resolve(entries: list[str]) -> None:
    """Make names lead to given addresses, in this process only; each entry is HOST:PORT:ADDRESS, and holds for ports without their own."""
    table: dict[tuple[str, int], str] = {}
    for host, port, address in (entry.split(":", 2) for entry in entries):
        table[host.lower(), int(port)] = address
        table.setdefault((host.lower(), 0), address)
    ask = socket.getaddrinfo

    def answer(host, port, *rest, **more):
        return ask(table.get((host, int(port or 0)), table.get((host, 0), host)), port, *rest, **more)

    socket.getaddrinfo = answer


# HUB
# Sends requests and opens WebSockets to one hub, as a user's browser does, and lists what has to be removed afterwards.

# For what anybody may see: without the token, if there is one.
ANONYMOUS = {"Authorization": ""}


class Hub:
    """A conversation with one JupyterHub, as one user's browser would hold it.

    `url` is the hub's public address with its base URL, such as https://hub.example.com/jupyter/.
    """

    def __init__(self, url: str, options: argparse.Namespace):
        typed = urlsplit(url)
        self.host = f"[{typed.hostname}]" if ":" in (typed.hostname or "") else typed.hostname
        # As a browser sends it: the name in lower case, and no port that goes without saying.
        port = "" if port_of(typed) == port_of(typed._replace(netloc="")) else f":{typed.port}"
        self.url = typed._replace(netloc=f"{self.host}{port}", query="", fragment="").geturl().rstrip("/") + "/"
        self.parts = urlsplit(self.url)
        self.origin = f"{self.parts.scheme}://{self.parts.netloc}"
        self.base = self.parts.path
        self.home = self.url  # below which the user's server is: the hub's own address, or one with the user's own host name
        self.options = options
        self.session = requests.Session()
        self.session.headers["User-Agent"] = "hubcheck"
        self.user = options.user
        self.seen: set[str] = set()  # which reverse proxies answers have named
        self.version = ""  # of JupyterHub, once the hub has said it
        self.undo: list = []  # what takes away again what was made, last first
        self.left: list[str] = []  # why some of it is still there
        self.stops = False  # whether the user's server is stopped at the end
        if options.token:
            self.session.headers["Authorization"] = f"token {options.token}"

    @property
    def front(self) -> str:
        """The reverse proxy, if all answers that name one name the same."""
        return min(self.seen) if len(self.seen) == 1 else ""

    @cached_property
    def loopback(self) -> str:
        """The loopback address to which the hub's name leads: then this machine is the server itself. Empty if it leads elsewhere."""
        found = socket.getaddrinfo(self.parts.hostname, self.parts.port or 443, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
        return next((address for address in addresses if ipaddress.ip_address(address).is_loopback), "")

    @property
    def server(self) -> str:
        """The path of the user's own server, below the base URL, as JupyterHub writes it."""
        return f"user/{quote(self.user, safe='@~')}/"

    def at(self, path: str) -> str:
        """The whole address of a path below the base URL."""
        return (self.home if path.startswith(self.server) else self.url) + path

    def xsrf(self, path: str) -> str:
        """The token that proves a request comes from a page of this hub: Jupyter keeps one cookie for each path."""
        found = [c for c in self.session.cookies if c.name == "_xsrf" and (self.base + path).startswith(c.path)]
        return max(found, key=lambda c: len(c.path)).value or "" if found else ""

    def fetch(self, method: str, address: str, **options) -> requests.Response:
        """Send a request, with the user's time limit and certificate authorities; -v tells of each."""
        # Named for each request: the environment's REQUESTS_CA_BUNDLE would win over the session's own setting.
        options = {"timeout": self.options.timeout, "verify": self.options.ca_file or True} | options
        self.log(f"{method} {address}")
        try:
            response = self.session.request(method, address, **options)
        except UnicodeError:
            raise requests.exceptions.InvalidHeader(f"{method} {address}: the answer leads to an address that cannot be read") from None
        for answer in (*response.history, response):
            self.seen.update(proxies(answer))
            self.log(f"  {answer.status_code} {answer.request.method} {answer.url} in {answer.elapsed.total_seconds():.2f} s")
        return response

    def log(self, line: str) -> None:
        """With -v, print a line to the error stream; a query is left out, since it may hold a secret."""
        if self.options.verbose:
            print(re.sub(r"\?\S*", "?…", line), file=sys.stderr, flush=True)

    def request(self, method: str, path: str, expect=(200,), **options) -> requests.Response:
        """Send a request to a path below the base URL; `Failed` unless the status is one of `expect`."""
        address = self.at(path)
        headers = {"X-XSRFToken": self.xsrf(path), "Referer": address.removesuffix(path)} | options.pop("headers", {})
        response = self.fetch(method, address, headers=headers, **options)
        for answer in response.history:
            if "out of https" in (where := astray(answer.url, urljoin(answer.url, answer.headers["Location"]))):
                raise Failed(refusal(answer, f"GET {urlsplit(answer.url).path}") + where)
        if expect and response.status_code not in expect:
            raise Failed(refusal(response, f"{method} {self.base}{path}"))
        return response

    def json(self, method: str, path: str, expect=(200,), **options):
        """Like `request`, for answers that must be JSON."""
        response = self.request(method, path, expect, **options)
        return read(response, f"{method} {self.base}{path}")

    def socket(self, path: str) -> websocket.WebSocket:
        """Open a WebSocket below the base URL, with the browser's cookies and origin."""
        there = self.at(path)
        address, origin = there.replace("http", "ws", 1), there.removesuffix(self.base + path)
        self.log(f"WebSocket {address}")
        headers = ["User-Agent: hubcheck"]
        if self.options.token:
            headers.append(f"Authorization: token {self.options.token}")
        cookies = requests.cookies.get_cookie_header(self.session.cookies, requests.Request("GET", there).prepare())
        trust = {"ca_certs": self.options.ca_file} if self.options.ca_file else {}
        try:
            return websocket.create_connection(
                address, timeout=self.options.timeout, cookie=cookies, origin=origin, sslopt=trust, header=headers
            )
        except websocket.WebSocketBadStatusException as refused:
            answer = answered(refused.status_code, refused.resp_headers, refused.resp_body, there)
            said = f"GET {self.base}{path} -> {refused.status_code} on the WebSocket: {excerpt(answer)}".rstrip(": ")
            # What takes the upgrade away may stand between this machine and the server.
            far = re.search('"Upgrade"|-> 426 ', said) and not self.loopback
            raise Failed(f"{said} (from {whose(answer)}){'; asked over the network' if far else ''}") from None
        except (websocket.WebSocketTimeoutException, TimeoutError):
            raise Failed(f"GET {self.base}{path}: the WebSocket does not open in {self.options.timeout:g} s") from None

    @cached_property
    def folder(self) -> str:
        """A folder of hubcheck's own in the user's files; it is removed at the end."""
        name = f"hubcheck-{secrets.token_hex(4)}"
        contents = f"{self.server}api/contents/{name}"
        self.request("PUT", contents, expect=(201,), json={"type": "directory"})
        self.undo.append(lambda: self.request("DELETE", contents, expect=(204, 404)))
        return name

    def put(self, name: str, data: bytes | str) -> str:
        """Upload a file into `folder`, in one piece, text as text; its quoted path."""
        path = f"{self.folder}/{quote(name, safe='')}"
        contents = f"{self.server}api/contents/{path}"
        body = {"type": "file", "format": "base64", "content": base64.b64encode(data).decode()} if isinstance(data, bytes) else None
        body = body or {"type": "file", "format": "text", "content": data}
        self.request("PUT", contents, expect=(200, 201), json=body, timeout=self.options.spawn_timeout)
        self.undo.append(lambda: self.request("DELETE", contents, expect=(204, 404)))
        if isinstance(data, bytes):
            # Older hubs may let Jupyter keep what is deleted; emptied first, it takes no room there.
            self.undo.append(lambda: self.request("PUT", contents, expect=(200, 201), json=body | {"content": ""}))
        return path


# REACHING THE HUB
# The step hub_answers: the certificate, the hub's API, and, where no hub answers, what is wrong with the address.

# Where the hub listens behind the reverse proxy: by this guide, and by JupyterHub's own default.
HUB_PORTS = (int("127.0.0.1:800".rpartition(":")[2]), 8000)
# Below which path users see it, by this guide.
BASE_URL = "/jupyter/"


def certificate(hub: Hub):
    """The certificate is trusted here, for this name, and today."""
    port = hub.parts.port or 443
    context = ssl.create_default_context(cafile=hub.options.ca_file)
    hub.log(f"TLS {hub.parts.hostname}:{port}")
    try:
        tcp = socket.create_connection((hub.parts.hostname, port), timeout=hub.options.timeout)
    except ConnectionRefusedError as error:
        raise Failed(f"{hub.parts.hostname}:{port}: {error}{elsewhere(hub) or without_site(hub)}") from None
    except OSError as error:
        raise Failed(f"{hub.parts.hostname}:{port}: {error}") from None
    with tcp, context.wrap_socket(tcp, server_hostname=hub.parts.hostname) as connection:
        ends = ssl.cert_time_to_seconds(connection.getpeercert()["notAfter"])
        yield f"{connection.version()}, the certificate ends in {(ends - time.time()) / 86400:.0f} days"


def without_site(hub: Hub) -> str:
    """Which server answers on port 80, where nobody does on 443: one that has not taken the hub's site."""
    if hub.parts.port in (None, 443):
        with suppress(requests.RequestException):
            answer = hub.fetch("GET", f"http://{hub.host}/", timeout=3, allow_redirects=False, headers=ANONYMOUS)
            if server := re.match(r"nginx|Apache", answer.headers.get("Server", "")):
                return f"; {server[0]} answers on port 80 alone"
    return ""


def elsewhere(hub: Hub) -> str:
    """Words for where a hub answers, if not at the address that was given: that may be a page's, or lack its path; empty if nowhere."""
    near = [hub.url, f"http://{hub.host}{hub.base}"]
    pages = [hub.url, f"{hub.origin}{BASE_URL}"]
    for address in near:
        with suppress(requests.RequestException):  # where it sends people
            pages.append(hub.fetch("GET", address, timeout=3, headers=ANONYMOUS).url)
    pages += [f"https://{hub.host}{hub.base}", f"https://{hub.host}{BASE_URL}"]
    tried = {hub.url}
    for page in map(urlsplit, pages):
        for end in re.finditer(r"/(?=(?:hub|user)/|$)", page.path):
            address = f"{page.scheme}://{page.netloc}{page.path[: end.end()]}"
            if address not in tried:
                tried.add(address)
                with suppress(requests.RequestException, ValueError):
                    answer = hub.fetch("GET", f"{address}hub/api", timeout=3, allow_redirects=False, headers=ANONYMOUS)
                    if answer.status_code == 200 and isinstance(known := answer.json(), dict) and "version" in known:
                        return f"; JupyterHub answers at {address}, not at {hub.url}"
    return ""


def past_the_proxy(hub: Hub, host: str) -> str:
    """What answers on the hub's own port, past the reverse proxy; empty if nothing does."""
    for port in HUB_PORTS:
        address = f"http://{host}:{port}{hub.base}hub/api"
        with suppress(requests.RequestException):
            answer = hub.fetch("GET", address, timeout=3, allow_redirects=False, headers=ANONYMOUS)
            if "X-JupyterHub-Version" in answer.headers:
                return f"{address} answers past the reverse proxy, without TLS"
    return ""


def circle(hub: Hub, answer: requests.Response) -> str:
    """What is wrong with where an answer leads, and where that leads on: a way that comes back to where it was is a circle."""
    trail = [answer.url]
    with suppress(requests.RequestException):
        while answer.is_redirect and len(trail) < 8:
            target = urljoin(answer.url, answer.headers["Location"])
            if target in trail[:-1]:
                return f"; that leads in a circle: {' -> '.join([*trail[1:], target])}"
            trail.append(target)
            if target == answer.url:
                break
            answer = hub.fetch("GET", target, timeout=3, allow_redirects=False, headers=ANONYMOUS)
    return astray(*trail[:2]) if len(trail) > 1 else ""


def no_hub(hub: Hub, refused: Failed) -> Failed:
    """What is said where no hub answers: the address that was given is judged first, and then the server."""
    seen = str(refused)
    if " -> 5" not in seen:
        if found := elsewhere(hub):
            return Failed(seen.partition(": ")[0] + found)
        if " -> 404" in seen and hub.base == "/":
            return Failed(f"{seen}; the address has no path")
        if hub.parts.scheme == "http" and "leads elsewhere" not in seen and re.search(r" -> 30\d [^:]*: https://", seen):
            return Failed(f"{seen}; the address was {hub.url}, it begins with http://")
    return refused


def hub_answers(hub: Hub):
    """The hub's API answers under the base URL, and the addresses that people type lead there."""
    if hub.parts.scheme == "https":
        yield from certificate(hub)
    try:
        asked = hub.request("GET", "hub/api", expect=(), allow_redirects=False)
        if asked.status_code != 200:
            raise Failed(f"{refusal(asked, f'GET {hub.base}hub/api')}{circle(hub, asked)}")
        answer = read(asked, f"GET {hub.base}hub/api")
    except Failed as refused:
        raise no_hub(hub, refused) from None
    if "version" not in (answer or {}):
        raise no_hub(hub, Failed(f"GET {hub.base}hub/api -> 200, but no JupyterHub: {json.dumps(answer)[:200]} (from {whose(asked)})"))
    hub.version = answer["version"]
    yield f"GET {hub.base}hub/api -> 200, JupyterHub {hub.version}"
    if hub.base != "/":
        bare = hub.fetch("GET", hub.url.rstrip("/"), allow_redirects=False)
        target = bare.headers.get("Location", "")
        yield f"GET {hub.base.rstrip('/')} -> {bare.status_code} {target}"
        if not 301 <= bare.status_code <= 308 or not urlsplit(target).path.startswith(hub.base):
            raise Failed(f"no redirect from {hub.base.rstrip('/')} to {hub.base}")
        if where := astray(bare.url, urljoin(bare.url, target)):
            raise Failed(f"GET {hub.base.rstrip('/')} -> {bare.status_code}{where} (from {whose(bare)})")
    if hub.parts.scheme == "https" and hub.parts.port in (None, 443):
        try:
            insecure = hub.fetch("GET", f"http://{hub.host}{hub.base}", allow_redirects=False, headers=ANONYMOUS)
        except requests.ConnectionError:
            yield "port 80 does not answer: people who type the name without https:// see nothing"
        else:
            target = insecure.headers.get("Location", "")
            yield f"GET http://{hub.host}{hub.base} -> {insecure.status_code} {target}"
            if not target.startswith("https://"):
                raise Failed("port 80 answers without sending people to https://")
            if urlsplit(target).hostname != hub.parts.hostname or urlsplit(target).port not in (None, 443):
                raise Failed(f"port 80 leads elsewhere than to {hub.url}")
    if hub.parts.scheme == "https" and hub.parts.port not in HUB_PORTS:
        # What answers on the loopback address, others do not reach by it.
        loopback = hub.loopback
        host = own_address() if loopback else hub.host
        if host and (open_port := past_the_proxy(hub, host)):
            raise Failed(open_port)
        if loopback:
            yield f"{hub.parts.hostname} is {loopback}, this machine itself: check from another one whether port {HUB_PORTS[0]} is open"
        else:
            yield f"port {HUB_PORTS[0]} is not open to this machine"


# LOGGING IN
# The step login_works: what everybody sees of the login, and a login with a password or a token.

# How long a link is that a course gives to its users.
LONG_LINK = 6000


def login_page(hub: Hub):
    """The hub offers a login, and takes two requests from here for those of one visitor; returns the page."""
    page = hub.request("GET", "hub/login", headers=ANONYMOUS)
    yield f"GET {urlsplit(page.url).path} -> {page.status_code}"
    if hub.xsrf("hub/login"):
        before = hub.xsrf("hub/login")
        hub.request("GET", "hub/login", headers=ANONYMOUS)
        if hub.xsrf("hub/login") != before:
            raise Failed("the hub gives the same visitor a new XSRF cookie with each page, so no login can match it")
        yield "the hub knows this visitor again"
    yield from at_the_provider(hub, page)
    return page


def at_the_provider(hub: Hub, page: requests.Response):
    """Where a button leads to a login at a provider, that takes what the hub asks, and sends users back to this address."""
    button = re.search(r"""href=["']([^"']*/oauth_login[^"']*)""", page.text)
    if not button:
        return
    sent = hub.fetch("GET", urljoin(page.url, html.unescape(button[1])), headers=ANONYMOUS, allow_redirects=False)
    asked = sent.headers.get("Location", "")
    provider, _, query = asked.partition("?")
    back = parse_qs(query).get("redirect_uri", [""])[0]
    if not back:
        return
    yield f"GET {hub.base}hub/oauth_login -> {sent.status_code} {provider}, to come back to {back}"
    hub.log(f"GET {asked}")
    try:
        # Without what belongs to the hub: its cookies, and a token.
        answer = requests.get(asked, timeout=hub.options.timeout, verify=hub.options.ca_file or True, allow_redirects=False)
    except requests.RequestException as error:
        said = words(error)
        # By which authorities it is judged, the hub may know better. By its name, nobody does.
        if not isinstance(error, requests.exceptions.SSLError) or "is not valid for" in said:
            raise Failed(f"the provider does not answer: {said}") from None
        yield f"whether {provider} answers is not known: {said}"
    else:
        if answer.status_code >= 400:
            raise Failed(f"the provider refuses what the hub asks: GET {provider} -> {answer.status_code}: {excerpt(answer)}")
        yield f"GET {provider} -> {answer.status_code}"
    there, here = urlsplit(back), urlsplit(f"{hub.url}hub/oauth_callback")
    if (there.hostname, there.port, there.path) != (here.hostname, here.port, here.path):
        raise Failed(f"the provider sends users back to {back}, not to {here.geturl()}")


def long_link(hub: Hub):
    """A link of a course reaches the hub, which sends its visitor on with all of it."""
    address = f"hub/user-redirect/hubcheck?link={'a' * LONG_LINK}"
    answer = hub.request("GET", address, expect=(), headers=ANONYMOUS, allow_redirects=False)
    if answer.status_code != 302:
        raise Failed(refusal(answer, f"a long link: GET {hub.base}hub/user-redirect/hubcheck?… of {LONG_LINK} characters"))
    yield f"a link of {LONG_LINK} characters reaches the hub -> 302"


def door(hub: Hub):
    """What anybody sees of the login."""
    yield from login_page(hub)
    yield from long_link(hub)


def log_in(hub: Hub):
    """The user logs in through the hub's form, and the hub's cookies are marked Secure under HTTPS."""
    page = yield from login_page(hub)
    # A button, or words of the hub's own that say where to log in.
    formless = 'class="service-login"' in page.text or ('id="login-main"' in page.text and "<form" not in page.text)
    if urlsplit(page.url).netloc != hub.parts.netloc or formless:
        where = page.url.partition("?")[0]
        raise Failed(f"GET {hub.base}hub/login leads to {where}, which has no form of the hub's: users log in elsewhere")
    form = {"username": hub.user, "password": hub.options.password, "_xsrf": hub.xsrf("hub/login")}
    answer = hub.request("POST", "hub/login", expect=(), data=form, allow_redirects=False)
    if answer.status_code != 302:
        capital = "; the name has a capital letter" if hub.user != hub.user.lower() else ""
        raise Failed(f"POST {hub.base}hub/login -> {answer.status_code}: {login_error(answer)}{capital} (from {whose(answer)})")
    yield f"POST {hub.base}hub/login -> 302 {answer.headers['Location']}"
    home = hub.request("GET", "hub/home")
    if urlsplit(home.url).path == f"{hub.base}hub/login":
        raise Failed(f"cookies do not come back: after the login, GET {hub.base}hub/home leads to the login again")
    # Who types a domain or an email address may be known by another name.
    known = re.search(r'\buser: "([^"\\<>]+)"', home.text)
    if known and known[1] != hub.user:
        hub.user = known[1]
        yield f"the hub knows this user as {hub.user}"
    for cookie in hub.session.cookies:
        if cookie.name.startswith(("jupyterhub-", "__Host-jupyterhub-")) and hub.parts.scheme == "https":
            if not cookie.secure:
                raise Failed(f"the cookie {cookie.name} comes without Secure, though the address is https")
            yield f"cookie {cookie.name}: Secure"
    yield from long_link(hub)


def token_works(hub: Hub):
    """The hub knows the token, and whose it is."""
    yield from login_page(hub)
    known = hub.request("GET", "hub/api/user", expect=(200, 401, 403), allow_redirects=False)
    if known.status_code != 200:
        raise Failed(f"GET {hub.base}hub/api/user -> {known.status_code}: the hub does not know this token. {excerpt(known)}".strip())
    about = known.json()
    if about.get("kind", "user") != "user" or "name" not in about:
        raise Failed(f"the token is no user's: {about.get('kind', 'nobody')} {about.get('name', '')}")
    hub.user = about["name"]
    yield f"GET {hub.base}hub/api/user -> 200, {hub.user}"
    # No session belongs to a token: what is seen below comes without a browser's cookies and without their checks.
    yield "with a token, neither cookies nor the check of a WebSocket's origin are seen"
    yield from long_link(hub)


def login_error(answer: requests.Response) -> str:
    found = re.search(r'(?s)class="login_error[^>]*>(.*?)</p>', answer.text)
    return plain(found[1]) if found else excerpt(answer)


# STARTING A SERVER
# The step server_spawns: a user's server starts, reports its progress, and sends its page complete.

# Without these and scripts of their own host, the pages of JupyterLab and Notebook 7 stay blank or show no editor.
SCRIPTS = {"'unsafe-inline'", "'unsafe-eval'"}


def server_spawns(hub: Hub):
    """The user's server starts, its progress is told live, and its pages let the user in."""
    user = f"hub/api/users/{quote(hub.user, safe='')}"
    about = at_rest(hub, user)
    if about["server"]:
        yield "the server was running already: its start was not seen"
    else:
        # A start that somebody else has begun is theirs, and so is the server.
        if not hub.options.keep_server and about.get("pending") != "spawn":
            hub.stops = True
            hub.undo.append(lambda: stop_server(hub, user))
        # The page that a browser asks for starts the server and leads to the progress page, unless it is a form.
        asked = hub.request("GET", "hub/spawn")
        if "/spawn-pending/" not in asked.url and not urlsplit(asked.url).path.startswith(hub.base + hub.server):
            hub.request("POST", f"{user}/server", expect=(201, 202), timeout=hub.options.spawn_timeout)
        yield from progress(hub, user)
    page = first_page(hub)
    own = hub.base + hub.server
    asked = f"GET {own}" if hub.home == hub.url else f"GET {hub.at(hub.server)}"
    # At another name than the hub's, another site may answer whatever it is asked.
    if page.status_code != 200 or (hub.home != hub.url and "X-JupyterHub-Version" not in page.headers):
        loop = "Redirect loop detected"
        # The hub itself sends on what comes past its own proxy, to the same path below hub/.
        moved = [answer for answer in page.history if urlsplit(answer.url).path.startswith(own)]
        on = [urlsplit(urljoin(answer.url, answer.headers["Location"])).path for answer in moved]
        answers = any(not path.startswith(f"{hub.base}hub/{hub.server}") for path in on)
        raise Failed(refusal(page, asked) + ("; the user's server answered before that" if answers and loop in page.text else ""))
    if not urlsplit(page.url).path.startswith(own):
        raise Failed(f"{asked} ends on {page.url}")
    if hub.home != hub.url:
        yield f"the user's server has a host name of its own, {urlsplit(hub.home).hostname}"
    yield f"GET {urlsplit(page.url).path} -> {page.status_code}"
    version = page.headers.get("X-JupyterHub-Version", hub.version)
    if version != hub.version:
        yield f"the user's server has JupyterHub {version}, the hub {hub.version}"
    for policy in policies(page):
        scripts = policy.get("script-src", policy.get("default-src"))
        if scripts is not None and not allowed(scripts.lower().split(), urlsplit(page.url)):
            raise Failed(f"a policy refuses JupyterLab's scripts: Content-Security-Policy: {page.headers['Content-Security-Policy']}")
    yield from parts(hub, page)


def allowed(sources: list[str], page: SplitResult) -> bool:
    """Whether a policy's sources of scripts let JupyterLab's own page work."""
    hosts = [re.sub(r"^\w+://|[:/].*", "", source) for source in sources]
    own = {"'self'", f"{page.scheme}:"} & {*sources} or any(fnmatch(page.hostname or "", host) for host in hosts)
    return bool(own) and {*sources} >= SCRIPTS


def first_page(hub: Hub) -> requests.Response:
    """What comes of the address of the user's server. If that leads to a host name of the user's own, all of the server is there."""
    ends = f".{hub.parts.hostname}"
    try:
        page = hub.request("GET", hub.server, expect=())
    except requests.RequestException as broken:
        host = urlsplit(broken.request.url if broken.request else "").hostname or ""
        if not host.endswith(ends):
            raise
        raise Failed(f"the user's own host name, {host}: {words(broken)}") from None
    for answer in page.history:
        to = urlsplit(urljoin(answer.url, answer.headers["Location"]))
        same = (to.scheme, port_of(to)) == (hub.parts.scheme, port_of(hub.parts))
        if same and (to.hostname or "").endswith(ends) and to.path.startswith(hub.base + hub.server):
            hub.home = f"{to.scheme}://{to.netloc}{hub.base}"
            # A token is not sent on from one host to another.
            return hub.request("GET", hub.server, expect=()) if hub.options.token else page
    return page


def parts(hub: Hub, page: requests.Response):
    """The scripts and styles that a page names arrive whole, and as what they are."""
    size, count = 0, 0
    for name in dict.fromkeys(re.findall(r"""<(?:script|link)\b[^>]*?\b(?:src|href)=["']([^"']+\.(?:js|css)\b[^"']*)""", page.text)):
        address = urljoin(page.url, unescape(name))
        if urlsplit(address).netloc != urlsplit(page.url).netloc:
            continue
        asked = f"a part of JupyterLab's page does not load: GET {urlsplit(address).path}"
        try:
            part = hub.fetch("GET", address, headers={"Referer": page.url, "Sec-Fetch-Site": "same-origin"})
        except requests.RequestException as broken:
            raise Failed(f"{asked}: {words(broken)}") from None
        if part.status_code != 200 or "html" in part.headers.get("Content-Type", ""):
            raise Failed(refusal(part, asked))
        size, count = size + len(part.content), count + 1
    yield f"scripts and styles of this page: {count}, {size / 1e6:.1f} MB"


def at_rest(hub: Hub, user: str) -> dict:
    """What the hub knows of the user, once it neither stops their server nor, after its own start, looks whether that still runs."""
    end = time.monotonic() + hub.options.spawn_timeout
    while (about := hub.json("GET", user)).get("pending") in ("stop", "check") and time.monotonic() < end:
        hub.options.tell(f"server_spawns: the hub's {about['pending']} of an earlier server has to end first")
        time.sleep(0.2)
    return about


def progress(hub: Hub, user: str):
    """Follow the event stream of a starting server, and compare when the first and the last event arrived."""
    arrived: list[float] = []
    events: list[dict] = []
    began = time.monotonic()
    try:
        accept = {"Accept": "text/event-stream"}
        # A hub that has just given a server up answers 400, and only then with the event that says why.
        for expect in ((200, 400), (200, 400), (200,)):
            stream = hub.request("GET", f"{user}/server/progress", expect, stream=True, headers=accept, timeout=hub.options.spawn_timeout)
            if stream.status_code == 200:
                break
            time.sleep(1)
        for line in stream.iter_lines(chunk_size=1):
            if line.startswith(b"data:"):
                arrived.append(time.monotonic() - began)
                events.append(json.loads(line[5:]))
                hub.options.tell(f"server_spawns: {events[-1].get('message', '')}")
    except requests.RequestException as broken:
        raise Failed(f"the event stream {hub.base}{user}/server/progress went silent: {broken}") from None
    if not events or not events[-1].get("ready"):
        raise Failed(f"the server does not start: {events[-1].get('message') if events else 'no event'}")
    yield f"event stream: {len(events)} events, the first after {arrived[0]:.1f} s, the last after {arrived[-1]:.1f} s"
    if arrived[-1] > 0.5 and arrived[-1] - arrived[0] < arrived[-1] / 10:
        raise Failed(f"the {len(events)} events of the starting server arrived all at once, after {arrived[-1]:.1f} s")


def stop_server(hub: Hub, user: str) -> None:
    """Stop the user's server and wait until it has ended; one that is still starting cannot be stopped before it has."""
    end = time.monotonic() + hub.options.spawn_timeout
    while hub.request("DELETE", f"{user}/server", expect=(202, 204, 400, 404)).status_code == 400 and time.monotonic() < end:
        time.sleep(0.5)
    while time.monotonic() < end:
        about = hub.json("GET", user)
        if not about.get("server") and not about.get("pending"):
            return
        time.sleep(0.1)


# KERNELS
# The steps kernel_listed, kernel_channel and kernel_computes: a kernel is offered, its WebSockets open, and it answers.


def kernel_listed(hub: Hub):
    """The kernel is among those that the user's server offers."""
    specs = hub.json("GET", hub.server + "api/kernelspecs")["kernelspecs"]
    if hub.options.kernel not in specs:
        raise Failed(f"{hub.options.kernel} is not among the kernels: {', '.join(sorted(specs)) or 'none'}")
    yield f"{hub.options.kernel}: {specs[hub.options.kernel]['spec']['display_name']}; {len(specs)} kernels in all"


def kernel_channel(hub: Hub):
    """A kernel starts, and a WebSocket to it opens through the proxy."""
    try:
        started = hub.json("POST", hub.server + "api/kernels", expect=(201,), json={"name": hub.options.kernel, "path": hub.folder})
    except Failed as refused:
        raise Failed(f"{refused}{reason(hub)}") from None
    if not hub.stops:  # a server that stops ends its kernels by itself
        hub.undo.append(lambda: hub.request("DELETE", f"{hub.server}api/kernels/{started['id']}", expect=(204, 404)))
    hub.channel = hub.socket(f"{hub.server}api/kernels/{started['id']}/channels")
    hub.undo.append(hub.channel.close)
    yield f"WebSocket {hub.base}{hub.server}api/kernels/…/channels -> {hub.channel.getstatus()}"
    events = f"{hub.server}api/events/subscribe"
    try:
        other = hub.socket(events)
    except Failed as refused:
        if not re.search(r"-> 404 .*\(from the (user's server|hub)\)", str(refused)):  # older servers have no events
            raise
    else:
        other.close()
        yield f"WebSocket {hub.base}{events} -> {other.getstatus()}"
    # What a user calls a file or a room may hold both. No server has this one, and says so.
    try:
        hub.socket(f"{hub.server}api/hubcheck%20%3F").close()
    except Failed as refused:
        if not re.search(r"\(from the (user's server|hub)\)", str(refused)):
            raise Failed(f"a WebSocket's address with a space and a question mark does not pass: {refused}") from None
    yield "a WebSocket's address with a space and a question mark reaches the server"


def reason(hub: Hub) -> str:
    """Why no kernel starts, in the words that a notebook's own request gets; empty if it gets none, or a kernel after all."""
    about = {"type": "notebook", "name": "", "path": f"{hub.folder}/none.ipynb", "kernel": {"name": hub.options.kernel}}
    answer = hub.request("POST", f"{hub.server}api/sessions", expect=(), json=about)
    with suppress(ValueError, AttributeError):
        if answer.status_code >= 500:
            return f"; {answer.json().get('message')}"
        session = answer.json().get("id")
        hub.undo.append(lambda: hub.request("DELETE", f"{hub.server}api/sessions/{session}", expect=(204, 404)))
    return ""


def kernel_computes(hub: Hub):
    """The kernel answers over the WebSocket, also after a silence; so does a terminal."""
    yield from compute(hub)
    if hub.options.idle:
        time.sleep(hub.options.idle)
        try:
            yield from compute(hub)
        except (OSError, websocket.WebSocketException) as broken:
            raise Failed(f"the reverse proxy closed the idle WebSocket within {hub.options.idle:g} s: {broken}") from None
        yield f"the WebSocket outlived {hub.options.idle:g} s of silence"
    made = hub.request("POST", hub.server + "api/terminals", expect=(200, 403, 404))
    if made.status_code != 200:
        yield "terminals are switched off"
        return
    name = made.json()["name"]
    hub.undo.append(lambda: hub.request("DELETE", f"{hub.server}api/terminals/{name}", expect=(204, 404)))
    terminal = hub.socket(f"{hub.server}terminals/websocket/{name}")
    terminal.send(json.dumps(["stdin", "echo $((6 * 7))\r"]))
    said = ""
    # The echoed command holds no 42. A shell that begins later than it is asked puts its prompt between the two.
    while not re.search(r"(?:[\r\n]|[$#%>] )42\b", said):
        message = json.loads(terminal.recv())
        said += message[1] if message[0] == "stdout" else ""
    terminal.close()
    yield "a terminal answers"


def compute(hub: Hub):
    """Run `options.code` in the kernel and wait for `options.expect` in what it prints or returns."""
    began = time.monotonic()
    said = execute(hub, hub.options.code, hub.options.expect)
    if hub.options.expect not in said:
        raise Failed(f"{hub.options.code} -> {said.strip()[:200] or 'nothing'}")
    yield f"{hub.options.code} -> {said.strip()} in {1000 * (time.monotonic() - began):.0f} ms"


def execute(hub: Hub, code: str, until: str = "") -> str:
    """What the kernel prints, returns and shows for `code`, `until` those words are there; `Failed` if it does not answer."""
    identity, said = uuid.uuid4().hex, ""
    header = {"msg_id": identity, "msg_type": "execute_request", "username": "", "session": identity, "date": "", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    hub.channel.send(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}))
    while True:
        try:
            message = json.loads(hub.channel.recv())
        except websocket.WebSocketTimeoutException:
            raise Failed(f"the kernel did not answer in {hub.options.timeout:g} s") from None
        kind, body = message.get("msg_type"), message.get("content", {})
        # The user's server says so of its kernel, whoever has asked it for something.
        if kind == "status" and body.get("execution_state") in ("restarting", "dead"):
            raise Failed("the kernel ended while it computed")
        if message.get("parent_header", {}).get("msg_id") != identity:
            continue
        said += body.get("text", "") + body.get("data", {}).get("text/plain", "") + body.get("data", {}).get("application/javascript", "")
        if kind == "error":
            return f"{said}{body['ename']}: {body['evalue']}"
        if (until and until in said) or (kind == "status" and body["execution_state"] == "idle"):
            return said


def handshake(hub: Hub):
    """A WebSocket's request reaches the hub; whether it is upgraded, only somebody's server can tell."""
    path = f"{hub.base}user/hubcheck/api/kernels/none/channels"
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Origin": hub.origin}
    headers["Sec-WebSocket-Key"] = base64.b64encode(os.urandom(16)).decode()
    answer = hub.fetch("GET", hub.origin + path, headers=headers, allow_redirects=False)
    if whose(answer) not in JUPYTER:
        said = f"GET {path} -> {answer.status_code} on the WebSocket: {excerpt(answer)}".rstrip(": ")
        raise Failed(f"{said} (from {whose(answer)})")
    yield f"a WebSocket request reaches the hub -> {answer.status_code}; that it is upgraded, only a user sees"


# UPLOADS
# The step upload_lands: a large file, a difficult name, and a text that looks like an attack arrive unchanged.

# A space, a percent sign, a hash, a plus, an apostrophe and two letters beyond ASCII.
AWKWARD = "a b%c#d+e'f ü漢.txt"
# What a lesson on databases or the web may hold, and a firewall takes for an attack.
LESSON = "SELECT name FROM users WHERE id = 1 OR 1=1; -- see https://example.com/?id=1\n<script>alert(1)</script>\n../../etc/passwd\n"


def upload_lands(hub: Hub):
    """A large file and an awkwardly named one arrive whole and can be read back."""
    data = os.urandom(hub.options.megabytes * 10**6)
    began = time.monotonic()
    path = hub.put("large.bin", data)
    yield f"PUT {hub.options.megabytes} MB -> 201 in {time.monotonic() - began:.1f} s"
    back = hub.request("GET", f"{hub.server}files/{path}").content
    if hashlib.sha256(back).digest() != hashlib.sha256(data).digest():
        raise Failed(f"{len(data)} bytes were sent, and {len(back)} others came back")
    try:
        path = hub.put(AWKWARD, b"awkward")
        back = hub.request("GET", f"{hub.server}files/{path}").content
        names = [entry["name"] for entry in hub.json("GET", f"{hub.server}api/contents/{hub.folder}")["content"]]
    except Failed as refused:
        raise Failed(f"the encoded name {AWKWARD!r} does not pass: {refused}") from None
    if back != b"awkward" or AWKWARD not in names:
        raise Failed(f"the encoded name {AWKWARD!r} arrived as {names}")
    yield f"{AWKWARD!r} arrives and is read back"
    try:
        hub.json("GET", f"{hub.server}api/contents/{path.replace('/', '%2F')}")
    except Failed as refused:
        raise Failed(f"an encoded slash (%2F) does not pass: {refused}") from None
    yield "%2F in a path passes"
    try:
        path = hub.put("lesson.txt", LESSON)
    except Failed as refused:
        raise Failed(f"a file whose text looks like an attack does not pass: {refused}") from None
    yield "a lesson on databases and the web, as text, passes"
    hub.request("DELETE", f"{hub.server}api/contents/{path}", expect=(204,))
    hub.undo.pop()
    yield "a file is deleted again"


def body_passes(hub: Hub):
    """A large request reaches the hub, which refuses it because nobody is logged in."""
    path, data = f"{hub.base}hub/api/users/hubcheck", b" " * hub.options.megabytes * 10**6
    answer = hub.fetch("POST", hub.origin + path, data=data, allow_redirects=False, timeout=hub.options.spawn_timeout)
    if whose(answer) not in JUPYTER:
        raise Failed(refusal(answer, f"POST {path}, {hub.options.megabytes} MB"))
    yield f"{hub.options.megabytes} MB reach the hub -> {answer.status_code}"


# BLOCKS
# The step blocks_shown: the editor of %jigsaw, and which pages may be shown in a frame.


def editor(hub: Hub):
    """The page that %jigsaw makes in hubcheck's folder, and Blockly for it; returns words for another editor than the guide's."""
    name = "blocks"
    try:
        said = execute(hub, f"%jigsaw Python --workspace {name}")
    except Failed:
        raise Failed(f"%jigsaw did not end in {hub.options.timeout:g} s") from None
    if trouble := re.search(r"<urlopen error.*?>|HTTP Error.*", said):
        raise Failed(f"%jigsaw Python: {trouble[0]}")
    path = f"{hub.server}files/{hub.folder}/{name}.html"
    made = hub.request("GET", path, expect=(200, 404))
    if made.status_code == 404:
        yield f"{hub.options.kernel} makes no page for %jigsaw"
        return ""
    for suffix in ("html", "xml"):
        contents = f"{hub.server}api/contents/{hub.folder}/{name}.{suffix}"
        hub.undo.append(lambda contents=contents: hub.request("DELETE", contents, expect=(204, 404)))
    blockly = re.search(r'__jigsaw_blockly__ = "([^"]+)"', made.text)
    script = urljoin(hub.at(path), f"{blockly[1].rstrip('/')}/blockly.min.js") if blockly else ""
    if urlsplit(script).netloc != urlsplit(hub.at(path)).netloc:
        whose = "MetaKernel's own" if "jigsaw_listener_set" in said else "another"
        host = re.search(r"https?://([^/\"']+)[^\"']*blockly", made.text, re.I)
        return f"this is {whose} %jigsaw, not the guide's editor: Blockly comes from {host[1] if host else 'elsewhere'}"
    answer = hub.fetch("GET", script)
    if answer.status_code != 200:
        raise Failed(refusal(answer, f"Blockly does not load: GET {script}"))
    yield f"the page of %jigsaw and Blockly, {len(answer.content) / 1e6:.1f} MB, come from here"
    return ""


def blocks_shown(hub: Hub):
    """The user's notebook may show a page under files/ in a frame, as %jigsaw does; nothing else may be framed."""
    another = yield from editor(hub)
    path = f"{hub.server}files/{hub.put('page.html', b'<p>A page</p>')}"
    policy = hub.request("GET", path).headers.get("Content-Security-Policy", "")
    framed_by = re.findall(r"frame-ancestors ([^;,]*)", policy)
    if any("'self'" not in allowed for allowed in framed_by):
        raise Failed(f"GET {hub.base}{path} -> Content-Security-Policy: {policy}")
    if "sandbox" not in policy or "allow-same-origin" in policy:
        raise Failed(f"a page under files/ is not sandboxed: Content-Security-Policy: {policy or 'none'}")
    yield f"files/…/page.html: {policy}"
    page = hub.request("GET", hub.server)
    policy = page.headers.get("Content-Security-Policy", "")
    if "frame-ancestors 'none'" not in policy:
        raise Failed(f"every page of the server may be framed: Content-Security-Policy: {policy or 'none'}")
    yield f"{urlsplit(page.url).path}: {policy}"
    yield from opener(page)
    # Last, so that who chose it sees that all else holds.
    if another:
        raise Failed(another)


def hub_headers(hub: Hub):
    """The hub's pages may be framed by nobody, and keep no tie to a page that opens them."""
    # Where users log in elsewhere, the hub sends people on.
    page = hub.request("GET", "hub/login", expect=(200, 302), allow_redirects=False)
    if not any("'none'" in policy.get("frame-ancestors", "") for policy in policies(page)):
        raise Failed(f"the hub's pages may be framed: Content-Security-Policy: {page.headers.get('Content-Security-Policy', 'none')}")
    yield f"{urlsplit(page.url).path}: {page.headers['Content-Security-Policy']}"
    yield from opener(page)


def opener(page: requests.Response):
    policy = page.headers.get("Cross-Origin-Opener-Policy")
    if policy != "same-origin":
        raise Failed(f"a page that opens a notebook in a new tab keeps a hold on it: Cross-Origin-Opener-Policy: {policy or 'none'}")
    yield f"Cross-Origin-Opener-Policy: {policy}"


# CLIMBING
# Runs all steps (here called rungs) until one fails. At the end it removes what it has made.

# What anybody can see of each rung, and what a user sees of it.
OUTSIDE = {
    "hub_answers": hub_answers,
    "login_works": door,
    "kernel_channel": handshake,
    "upload_lands": body_passes,
    "blocks_shown": hub_headers,
}
INSIDE = {
    "hub_answers": hub_answers,
    "login_works": log_in,
    "server_spawns": server_spawns,
    "kernel_listed": kernel_listed,
    "kernel_channel": kernel_channel,
    "kernel_computes": kernel_computes,
    "upload_lands": upload_lands,
    "blocks_shown": blocks_shown,
}


class TooLong(Exception):
    """A rung that did not end."""


def broken() -> tuple[type[Exception], ...]:
    """What answers bring about that are not a hub's; asked for once the packages are there."""
    ours = (Failed, TooLong, requests.RequestException, websocket.WebSocketException)
    return (*ours, OSError, LookupError, TypeError, AttributeError, ValueError)


def limited(rung, hub: Hub):
    """A rung's evidence; `TooLong` if it takes longer than all its time limits together: an answer may come byte by byte."""
    options = hub.options
    limit = 3 * options.timeout + 2 * options.spawn_timeout + 2 * options.idle

    def ring(*_):
        raise TooLong(f"no end after {limit:.0f} s")

    alarm = hasattr(signal, "SIGALRM")  # not on Windows
    if alarm:
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield from rung(hub)
    finally:
        if alarm:
            signal.setitimer(signal.ITIMER_REAL, 0)


def climb(hub: Hub, say=lambda result: None) -> list[dict]:
    """Climb until a rung fails, then clean up.

    Returns a dictionary for each rung: rung, ok, seconds, evidence (list of lines), and for a failed one
    said and its `verdict`. `say` is called with each as it is known.
    """
    results: list[dict] = []
    try:
        rungs = INSIDE if hub.options.user or hub.options.token else OUTSIDE
        if hub.options.token:
            rungs = rungs | {"login_works": token_works}
        for name, rung in rungs.items():
            began, evidence, result = time.monotonic(), [], {"rung": name, "ok": True}
            hub.options.tell(name)
            try:
                for line in limited(rung, hub):
                    evidence.append(shortened(line))
            except broken() as failure:
                expected = not isinstance(failure, (LookupError, TypeError, AttributeError)) and str(failure)
                said = shortened(words(failure) if expected else f"an answer that is not JupyterHub's: {failure!r}")
                result |= {"ok": False, "said": said} | verdict(said, hub.front)
            result |= {"seconds": round(time.monotonic() - began, 2), "evidence": evidence}
            results.append(result)
            say(result)
            if not result["ok"] or name == hub.options.until:
                break
    finally:
        hub.options.tell("cleaning up" if hub.undo else "")
        while hub.undo:
            try:
                hub.undo[-1]()
            except broken() as failure:
                hub.left.append(words(failure))
            hub.undo.pop()
        hub.options.tell("")
    return results


# KNOWN LINES
# For --log: a table of lines, made from the troubleshooting pages of the guide.

# The lines that this guide's pages of troubleshooting publish: "…" is what differs from hub to hub. Above them are the page, the rung
# that breaks, and the page that hubcheck names where that is another. Those after "+" count only beside another one of their row.
KNOWN = r"""
troubleshooting/address-already-in-use hub_answers
    Error code: 404
    Message: File not found.
    Uncaught Exception: listen EADDRINUSE: address already in use …
    One of these: (1) Another program listens on the port that the reverse proxy … in front of the hub, answers at this address.
    To decide: ss -ltnp on the server names the program on the hub's port.
troubleshooting/bad-gateway-or-service-unavailable hub_answers
    503 Service Temporarily Unavailable
    503 Service Unavailable
    The server is temporarily unable to service your request due to maintenance downtime or capacity problems. Please try again later.
    connect() failed (111: Connection refused) while connecting to upstream, … request: "GET …/ HTTP/…", upstream: "http://…/"
    (111)Connection refused: AH00957: http: attempt to connect to … (…) failed
    AH01114: HTTP: failed to make connection to backend: …
    One of these: (1) The hub does not run. (2) The hub listens on another port … no more files: LimitNOFILE in the hub's unit.
    To decide: systemctl status jupyterhub.service and ss -ltn on the server show … or the hub's log says EMFILE, it is the fourth.
troubleshooting/bad-request-for-a-percent-sign upload_lands
    Cause: The reverse proxy decodes paths. Apache: nocanon on ProxyPass. nginx: no path after the address in proxy_pass.
troubleshooting/blank-jigsaw-iframe blocks_shown
    … refused to connect.
    The block editor does not start. Its page: 200, frame-ancestors 'none'; sandbox allow-scripts
    Framing 'https://…/' violates the following Content Security Policy directive: … 'none'". The request has been blocked.
    Cause: The user's server forbids every frame. … lifts that for files/ alone.
troubleshooting/blockly-does-not-load blocks_shown
    Blockly does not load from https://…/user/…/static/blockly/blockly.min.js?v=…
    404 GET …/user/…/static/blockly/blockly.min.js?v=…
    Cause: The user's server does not send Blockly: extra_static_paths in jupyter_server_config.py.
troubleshooting/can-upgrade-only-to-websocket kernel_channel
    … | Connecting
    WebSocket connection to 'wss://…/user/…/api/kernels/…/channels?session_id=…' … handshake: Unexpected response code: 400
    Connection lost, reconnecting in … seconds.
    400 GET …/user/…/api/kernels/…/channels?session_id=…
    Replacing stale connection: …
    400 GET …/user/…/api/events/subscribe
    Cause: A reverse proxy on the way does not tunnel WebSockets. nginx: … Apache: upgrade=websocket on ProxyPass.
troubleshooting/certificate-for-another-name hub_answers
    Your connection is not private
    NET::ERR_CERT_COMMON_NAME_INVALID
    AH01909: … server certificate does NOT include an ID which matches the server name
    certificate verify failed: Hostname mismatch, certificate is not valid for '…'.
    Cause: The certificate is for another name.
troubleshooting/certificate-has-expired hub_answers
    Your connection is not private
    NET::ERR_CERT_DATE_INVALID
    certificate verify failed: certificate has expired
    One of these: (1) The certificate has expired. (2) This machine's clock is ahead.
    To decide: run date on this machine.
troubleshooting/certificate-is-not-trusted hub_answers
    Your connection is not private
    NET::ERR_CERT_AUTHORITY_INVALID
    certificate verify failed: …
    One of these: (1) Nobody whom this machine trusts has signed the certificate. … does not send the intermediate certificates.
    To decide: openssl s_client -showcerts -connect HOST:443 shows what the server sends.
troubleshooting/certificate-is-not-yet-valid hub_answers
    Your connection is not private
    NET::ERR_CERT_DATE_INVALID
    certificate verify failed: certificate is not yet valid
    One of these: (1) This machine's clock is behind. (2) The certificate is for later.
    To decide: run date on this machine.
troubleshooting/configurable-http-proxy-not-found hub_answers troubleshooting/bad-gateway-or-service-unavailable
    503 Service Temporarily Unavailable
    Failed to find proxy ['configurable-http-proxy']
    Failed to start proxy
    FileNotFoundError: [Errno 2] No such file or directory: 'configurable-http-proxy'
    One of these: (1) The hub does not run. (2) The hub listens on another port … no more files: LimitNOFILE in the hub's unit.
    To decide: systemctl status jupyterhub.service and ss -ltn on the server show … or the hub's log says EMFILE, it is the fourth.
troubleshooting/connect-emfile hub_answers
    Error: connect EMFILE …
    Failed to get custom error page: Error: connect EMFILE …
    code: 'EMFILE',
    One of these: (1) The hub's own proxy may open no more files: LimitNOFILE in … runs no more, and its own proxy is still there.
    To decide: the hub's log has the reason beside each 503: "connect EMFILE" is the first, "connect ECONNREFUSED" the second.
troubleshooting/connection-must-be-upgrade kernel_channel
    … | Connecting
    WebSocket connection to 'wss://…/user/…/api/kernels/…/channels?session_id=…' … handshake: Unexpected response code: 400
    Connection lost, reconnecting in … seconds.
    400 GET …/user/…/api/kernels/…/channels?session_id=…
    Replacing stale connection: …
    400 GET …/user/…/api/events/subscribe
    Cause: A reverse proxy on the way does not ask for the upgrade. nginx: proxy_set_header Connection, from the map at the top.
troubleshooting/cookies-without-secure login_works
    the cookie jupyterhub-hub-login comes without Secure, though the address is https
    One of these: (1) The reverse proxy does not tell the hub that users come by HTTPS. … (2) TLS ends in front of the reverse proxy…
    To decide: look for the certificate: if it is not in the reverse proxy's own file, it is the second.
troubleshooting/cross-origin-websockets-not-allowed kernel_channel
    … | Connecting
    WebSocket connection to 'wss://…/user/…/api/kernels/…/channels?session_id=…' … handshake: Unexpected response code: 403
    Connection lost, reconnecting in … seconds.
    403 GET …/user/…/api/kernels/…/channels?session_id=…
    Blocking Cross Origin WebSocket Attempt.  Origin: https://…, Host: …
    Blocking Cross Origin API request for …/user/…/api/events/subscribe.  Origin: https://…, Host: …
    One of these: (1) The reverse proxy changes the Host header, so the origin … header: a line for Origin, which has to go.
    To decide: the log of the user's server has both, after Blocking Cross Origin: what is not as in the browser's address is changed.
troubleshooting/debians-page-instead-of-the-hub hub_answers
    Apache2 Debian Default Page
    It works!
    port 80 answers without sending people to https://
    One of these: (1) Another site answers on port 80. Apache: Debian's 000-default … (2) The hub's site has no redirect for port 80.
    To decide: apachectl -S or nginx -T on the server lists the sites.
troubleshooting/err-too-many-redirects hub_answers
    … redirected you too many times.
    ERR_TOO_MANY_REDIRECTS
    One of these: (1) TLS ends in front of the server that redirects. It sees plain … a line for port 80 in its site for port 443 too.
    To decide: look for the certificate: if another machine or service holds it, it is the first.
troubleshooting/error-starting-kernel kernel_channel
    Error Starting Kernel
    [Errno 13] Permission denied: '…/python'
  + Failed to load resource: the server responded with a status of 500 (Internal Server Error)
    Failed to run command:
    PermissionError: [Errno 13] Permission denied: '…/python'
    500 POST …/user/…/api/sessions?…: [Errno 13] Permission denied: '…/python'
    One of these: (1) kernel.json names a program that is not there. (2) kernel.json names one that this user may not run.
    To decide: the words after the semicolon: [Errno 2] is the first, [Errno 13] the second.
troubleshooting/exception-occurred-in-preexec-fn server_spawns
    500 : Unhandled error starting server …
  + You can try restarting your server from the home page.
    Unhandled error starting …'s server: Exception occurred in preexec_fn.
    subprocess.SubprocessError: Exception occurred in preexec_fn.
  + 500 GET …/hub/spawn
    One of these: (1) The hub starts servers itself, and its unit takes away the … systemd start the server, or the spawner failed.
    To decide: the hub's log says "Exception occurred in preexec_fn" if it is the first.
troubleshooting/failed-at-step-chdir server_spawns troubleshooting/server-did-not-respond-in-time
    Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
    jupyter-….service: Changing to the requested working directory failed: Permission denied
    jupyter-….service: Failed at step CHDIR spawning …/jupyterhub-singleuser: Permission denied
    …'s server never showed up at http://…/user/…/ after … seconds. Giving up.
    the server does not start: Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
    One of these: (1) The user's server takes longer to come up than c.Spawner.http_timeout allows. (2) It ends before.
    To decide: journalctl --namespace "*" --unit jupyter-NAME on the server: the … its home is missing, or closed to the user.
troubleshooting/failed-to-start-proxy hub_answers troubleshooting/bad-gateway-or-service-unavailable
    503 Service Temporarily Unavailable
    Failed to start proxy
    OSError: [Errno 28] No space left on device
  + jupyterhub.service: Main process exited, code=exited, status=…/FAILURE
    One of these: (1) The hub does not run. (2) The hub listens on another port … no more files: LimitNOFILE in the hub's unit.
    To decide: systemctl status jupyterhub.service and ss -ltn on the server show … or the hub's log says EMFILE, it is the fourth.
troubleshooting/file-name-too-long kernel_channel
    zmq.error.ZMQError: File name too long (addr='ipc://…/kernel-…-ipc-…')
    Cause: The user's home lies so deep that a kernel's sockets have no room for … JUPYTER_RUNTIME_DIR in jupyter_server_config.py.
troubleshooting/forbidden-for-everybody hub_answers
    403 Forbidden
    One of these: (1) What answered lets only some addresses in, such as a … 403. Apache: Require. (2) A firewall refuses.
    To decide: look for these words in the files of what answered. Without them, it is the second.
troubleshooting/getpwnam-name-not-found login_works
  + Internal Server Error
  + Failed to load resource: the server responded with a status of 500 (Internal Server Error)
  + Uncaught exception POST …/hub/login
    KeyError: "getpwnam(): name not found: '…'"
  + 500 POST …/hub/login
    One of these: (1) JupyterHub changes names to lower case, and there is no … letters back. (2) The hub failed in another way.
    To decide: the hub's log says getpwnam if it is the first.
troubleshooting/internal-server-error-after-the-provider login_works
  + 500 : Internal Server Error
    SSL Error on … certificate verify failed: Hostname mismatch, certificate is not valid for '…'.
  + Uncaught exception GET …/hub/oauth_callback?…
  + 500 GET …/hub/oauth_callback?…
    the provider does not answer: … certificate verify failed: Hostname mismatch, certificate is not valid for '…'.
    One of these: (1) This machine does not reach the provider: its name leads to … or a firewall refuses. (2) The provider is down.
    To decide: open the provider's address in a browser on another machine. If its page comes, it is the first.
troubleshooting/internal-server-error-from-apache hub_answers
    500 Internal Server Error
    The server encountered an internal error or misconfiguration and was unable to complete your request.
  + Failed to load resource: the server responded with a status of 500 (Internal Server Error)
    AH01144: No protocol handler was valid for the URL …/ (scheme 'http'). If you … included in the configuration using LoadModule.
    One of these: (1) Apache's module proxy_http is not enabled. (2) ProxyPass has … On is missing. (3) Apache failed in another way.
    To decide: its error log says AH01144 if it is the first, and SSL if it is the second.
troubleshooting/invalid-command-requestheader config_accepted
  + AH00526: Syntax error on line … of …/….conf:
    Invalid command 'RequestHeader', perhaps misspelled or defined by a module not included in the server configuration
    …: [Errno 111] Connection refused; Apache answers on port 80 alone
    One of these: (1) Apache refused the hub's file. (2) The hub's site is not enabled.
    To decide: apachectl -t on the server.
troubleshooting/invalid-response-403-forbidden kernel_channel
  + Failed to load resource: the server responded with a status of 403 (Forbidden)
    Uncaught Invalid response: 403 Forbidden
    access forbidden by rule, client: …, server: …, request: "PUT …/user/…/api/contents/…
    AH01630: client denied by server configuration: …
    One of these: (1) What answered lets only some methods of HTTP pass. nginx: … (2) A firewall refuses what the request holds.
    To decide: look for these words in the files of what answered, and for a firewall's module.
troubleshooting/invalid-username-or-password login_works
    Invalid username or password
    No allow config found, it's possible that nobody can login to your Hub!
    User '…' not allowed.
    Failed login for '…'
    One of these: (1) The password is wrong or has expired, or the system does not … allowed_groups or allow_all.
    To decide: the hub's log tells which.
troubleshooting/jigsaw-urlopen-error blocks_shown
    Error in calling magic 'jigsaw' on line:
    <urlopen error [Errno -2] Name or service not known>
    %jigsaw Python: <urlopen error [Errno -2] Name or service not known>
    Cause: This is MetaKernel's own %jigsaw, which downloads its page from calysto.github.io, and the server does not reach it.
troubleshooting/jupyterlab-stays-blank server_spawns
    Executing inline script violates the following Content Security Policy directive 'default-src 'self''.
    Evaluating a string as JavaScript violates the following Content Security … an allowed source of script: default-src 'self'".
    a policy refuses JupyterLab's scripts: Content-Security-Policy: …default-src 'self'
    Cause: The reverse proxy, or something in front of it, adds a Content-Security-Policy under which JupyterLab's pages stay blank.
troubleshooting/kernel-appears-to-have-died kernel_computes
    Kernel Restarting
    The kernel for ….ipynb appears to have died. It will restart automatically.
    AsyncIOLoopKernelRestarter: restarting kernel (…), new random ports
    kernel … restarted
    the kernel ended while it computed
    One of these: (1) The user's server and its kernels took more memory than … has. (3) The kernel's program ended by itself.
    To decide: journalctl --namespace "*" --unit jupyter-NAME says "killed by the OOM killer" if it is one of the first two.
troubleshooting/kernel-not-in-the-launcher kernel_listed
    Notebook Python 3 (ipykernel) Console Python 3 (ipykernel) Other
    … is not among the kernels: python3
    Cause: The kernel is not installed where this user's server looks.
troubleshooting/kernel-restarts-for-ever kernel_channel
    … | Connecting
    …/python3: No module named …
    AsyncIOLoopKernelRestarter: restarting kernel (…), new random ports
    GET …/user/…/api/kernels/…/channels: the WebSocket does not open in … s
    One of these: (1) kernel.json names a Python in which the kernel is not … (3) The kernel takes longer than --timeout.
    To decide: journalctl --namespace "*" --unit jupyter-NAME on the server shows the kernel's own error.
troubleshooting/kernel-that-only-root-sees kernel_listed troubleshooting/kernel-not-in-the-launcher
    Notebook Python 3 (ipykernel) Console Python 3 (ipykernel) Other
    … is not among the kernels: python3
    Cause: The kernel is not installed where this user's server looks.
troubleshooting/no-home-directory server_spawns troubleshooting/server-did-not-respond-in-time
    Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
    jupyter-….service: Changing to the requested working directory failed: No such file or directory
    jupyter-….service: Failed at step CHDIR spawning …/jupyterhub-singleuser: No such file or directory
    …'s server never showed up at http://…/user/…/ after … seconds. Giving up.
    the server does not start: Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
    One of these: (1) The user's server takes longer to come up than c.Spawner.http_timeout allows. (2) It ends before.
    To decide: journalctl --namespace "*" --unit jupyter-NAME on the server: the … its home is missing, or closed to the user.
troubleshooting/no-space-left-on-device server_spawns troubleshooting/server-did-not-respond-in-time
    Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
    Failed to write cookie secret to …/.local/share/jupyter/runtime/jupyter_cookie_secret: [Errno 28] No space left on device
    OSError: [Errno 28] No space left on device
    …'s server never showed up at http://…/user/…/ after … seconds. Giving up.
    the server does not start: Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
    One of these: (1) The user's server takes longer to come up than c.Spawner.http_timeout allows. (2) It ends before.
    To decide: journalctl --namespace "*" --unit jupyter-NAME on the server: the … its home is missing, or closed to the user.
troubleshooting/no-such-file-jupyterhub-singleuser server_spawns troubleshooting/unknown-assignment
    Spawn failed:
    Failed to find executable …/jupyterhub-singleuser: No such file or directory
    …'s server failed to start in … seconds, giving up.
    the server does not start: Spawn failed:
    One of these: (1) systemd did not start the user's server. (2) The start took … such as that of a job that waits for a node.
    To decide: the hub's log says why in systemd's words, such as "Unknown … "Failed to find executable", if it is the first.
troubleshooting/not-found-for-an-encoded-slash upload_lands
    The requested URL was not found on this server.
    Apache Server at … Port …
    Cause: The reverse proxy refuses encoded slashes. …
    One of these: (1) Traefik refuses addresses with encoded characters: encodedCharacters …
troubleshooting/not-found-under-the-base-url hub_answers
    404 : Not Found
    Jupyter has lots of moons, but this is not one...
    require is not defined
    [ConfigProxy] …: 404 GET /hub/api
    200 GET …/hub/error/404?url=%2Fhub%2Fapi
    Cause: The path differs between the reverse proxy and JupyterHub: compare … with the proxy's location or ProxyPass.
troubleshooting/not-found-without-the-last-slash hub_answers
    404 Not Found
    The requested URL was not found on this server.
    Apache Server at … Port …
    no redirect from … to …/
    Cause: The path without its last slash leads nowhere. …
troubleshooting/oauth-state-missing-from-cookies login_works
    400 : OAuth state missing from cookies
    400 GET …/hub/oauth_callback?… (…): OAuth state missing from cookies
    the provider sends users back to https://…/hub/oauth_callback, not to https://…/hub/oauth_callback
    Cause: Users open the hub by another name than the one in oauth_callback_url. … the name that they opened. Have both be the same.
troubleshooting/password-has-expired login_works troubleshooting/invalid-username-or-password
    Invalid username or password
    PAM Authentication failed ('…'@…): [PAM Error 12] Authentication token is no longer valid; new one required
    Failed login for '…'
    One of these: (1) The password is wrong or has expired, or the system does not … allowed_groups or allow_all.
    To decide: the hub's log tells which.
troubleshooting/port-8000-is-open hub_answers
    Warning: JupyterHub seems to be served over an unsecured HTTP connection. We strongly recommend enabling HTTPS for JupyterHub.
    Starting proxy @ http://:…/
    JupyterHub is now running at http://:…/
    http://…/hub/api answers past the reverse proxy, without TLS
    Cause: The hub listens on every interface, in plain HTTP. c.JupyterHub.bind_url … the loopback address; base_url alone does not.
troubleshooting/progress-stays-at-zero server_spawns
    Your server is starting up.
    You will be redirected automatically when it's ready for you.
    the … events of the starting server arrived all at once, after … s
    Cause: A reverse proxy on the way holds back the event stream. nginx: proxy_buffering off, for the progress of a starting server.
troubleshooting/proxy-of-an-earlier-hub hub_answers
    404: Not Found
    No service is registered at this URL
    api_request to proxy failed: 403, message='Forbidden', url='http://…/api/routes'
    Uncaught Exception: listen EADDRINUSE: address already in use …
    One of these: (1) The hub's own proxy is left over from an earlier hub, and the hub does not run. (2) The hub is starting.
    To decide: systemctl status jupyterhub.service on the server.
troubleshooting/redirect-uri-did-not-match login_works
    error: invalid_redirect_uri
    error_description: redirect_uri did not match any of the client's registered redirect_uris
    OAuth redirect: http://…/hub/oauth_callback
    Cause: The provider does not know the address to which it is to send users … both are the same, letter for letter.
troubleshooting/redirected-you-too-many-times server_spawns
    500 : Redirect loop detected.
    Redirect loop detected on …/hub/user/…/?redirects=…
    500 GET …/hub/user/…/?redirects=… (…): Redirect loop detected.
    One of these: (1) The reverse proxy goes to the hub's inner port, past the … user's server: it was restarted without the hub.
    To decide: restart the hub, and run the check again. If it still fails, it is the first.
troubleshooting/request-entity-too-large upload_lands
  + Saving failed
  + File Save Error for ….ipynb
    Invalid response: 413 Request Entity Too Large
    Failed to load resource: the server responded with a status of 413 (Request Entity Too Large)
    client intended to send too large body: … bytes, client: …, server: …, request: "PUT …/user/…/api/contents/….ipynb
    Cause: What answered limits the size of a request. nginx: client_max_body_size.
troubleshooting/scripts-are-not-found server_spawns
  + Failed to load resource: the server responded with a status of 404 (Not Found)
    Uncaught require is not defined
    open() "…/main….js" failed (2: No such file or directory), client: …
    Cause: Another rule of the reverse proxy answers for scripts and styles before … location …/; with location ^~ …/ it does not.
troubleshooting/server-did-not-respond-in-time server_spawns
    …'s server never showed up at http://…/user/…/ after … seconds. Giving up.
    TimeoutError: Server at http://…/user/…/api didn't respond in … seconds
    the server does not start: Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
    One of these: (1) The user's server takes longer to come up than c.Spawner.http_timeout allows. (2) It ends before.
    To decide: journalctl --namespace "*" --unit jupyter-NAME on the server: the … its home is missing, or closed to the user.
troubleshooting/unknown-assignment server_spawns
    Spawn failed:
    {progress: 100, failed: true, message: Spawn failed: }
    Unknown assignment: MemoryMaximum=…
    …'s server failed to start in … seconds, giving up.
    the server does not start: Spawn failed:
    One of these: (1) systemd did not start the user's server. (2) The start took … such as that of a job that waits for a node.
    To decide: the hub's log says why in systemd's words, such as "Unknown … "Failed to find executable", if it is the first.
troubleshooting/unknown-directive-ssl config_accepted
    [emerg] …: unknown directive "ssl" in …/….conf:…
  + nginx: configuration file …/….conf test failed
    …: [Errno 111] Connection refused; nginx answers on port 80 alone
    One of these: (1) nginx refused the hub's file. (2) nginx does not read the hub's file.
    To decide: nginx -t on the server.
troubleshooting/unsafe-url-with-3f kernel_channel
    AH10508: Unsafe URL with %3f URL rewritten without UnsafeAllow3F
    Cause: The reverse proxy takes the addresses of WebSockets apart. Apache: a … of which upgrade=websocket on ProxyPass does it.
troubleshooting/upload-breaks-off upload_lands
    PUT …/user/…/api/contents/…/large.bin: the connection was closed in the middle of the upload
    One of these: (1) What users reach has a time limit for a whole request, and … default. (2) It ends uploads that are too large.
    To decide: try files of different sizes. If all fail after the same time, it is the first.
troubleshooting/upstream-sent-too-big-header login_works
    upstream sent too big header while reading response header from upstream, client: …
    Cause: The hub's answer to a long link has a long header, and the reverse proxy has no room for it. nginx: proxy_buffer_size.
troubleshooting/websocket-closes-when-idle kernel_computes
    … | Unknown
    Connection lost, reconnecting in … seconds.
    the reverse proxy closed the idle WebSocket within … s: Connection to remote host was lost.
    One of these: (1) The reverse proxy closes idle connections. … (2) A balancer or a firewall in front of it does.
    To decide: run the check on the server itself, with --resolve HOST:443:…. If that passes, it is the second.
troubleshooting/websockets-of-some-paths-only kernel_channel
    WebSocket connection to 'wss://…/user/…/api/events/subscribe' failed: Error … handshake: Unexpected response code: 400
    400 GET …/user/…/api/events/subscribe
    Cause: The reverse proxy lets WebSockets pass for a list of paths only: a … kernels and terminals. All of the hub needs it.
troubleshooting/xsrf-cookie-does-not-match login_works
    Login form invalid or expired. Try again.
    XSRF error on login form: HTTP 403: Forbidden (XSRF cookie does not match POST argument)
    403 POST …/hub/login?next= (…): Login form invalid or expired. Try again.
    the hub gives the same visitor a new XSRF cookie with each page, so no login can match it
    One of these: (1) The hub sees each request come from another address or … (2) Something on the way drops cookies.
    To decide: look for Cookie in the files of the reverse proxy, and for a cache … in front of it. Without them, it is the first.
deploy/proxy-parts#workers
    AH00484: server reached MaxRequestWorkers setting
    AH03490: scoreboard is full, not at MaxRequestWorkers.Increase ServerLimit.
deploy/faults#another-version-of-jupyterhub
    jupyterhub version … != jupyterhub-singleuser version …. This could cause failure to authenticate and result in redirect loops!
    Found database schema version … Backup your database and run
deploy/growing#2-move-the-users-servers
    Failed to connect to my Hub at http://…/hub/api
deploy/proxy-parts#slow-clients
    AH01084: pass request body failed to … (…)
deploy/existing-site#2-reload-the-web-server
    "location" directive is not allowed here in …/….conf:…
    duplicate location "…/" in …/….conf:…
    unknown log format "jupyterhub" in …/….conf:…
deploy/certificate#1-fetch-the-certificate
    Certbot failed to authenticate some domains
troubleshooting/kernel-appears-to-have-died#what-you-see
    jupyter-….service: A process of this unit has been killed by the OOM killer.
troubleshooting/address-already-in-use#failed-to-bind-hub
    Failed to bind hub to http://…/hub/
    OSError: [Errno 98] Address already in use
deploy/configure-jupyterhub#address-and-base-url-one-option
    Both bind_url and ip/port/base_url have been configured
jigsaw/limits#dialogs-of-the-browser-do-not-open
    Ignored call to 'prompt()'
deploy/users#6-packages-for-everybody
    ERROR: Could not install packages due to an OSError: [Errno 30] Read-only file system
    Can not perform a '--user' install. User site-packages are not visible in this virtualenv.
deploy/slurm#when-something-fails
    ended before its server listened
    Job … took too long. Slurm said last: …
    sbatch: error: Batch job submission failed: …
deploy/openid-connect#if-it-does-not-work
    Sorry, you are not currently authorized to use this hub
    … is in none of these groups of the provider: …
    The auth_state_groups_key … does not exist
    … has no account on this machine
    Your email address leads to no account on this hub.
    Your provider has not checked your email address.
    OAuth error: …
deploy/docker#when-something-fails
    Container jupyter-… ended at once: docker logs jupyter-… says why.
    Docker says: network jupyter not found
    Docker says: No such image: jupyter-user:latest
    invalid mount config for type "bind": bind source path does not exist: /home/…
    exec: …/jupyterhub-singleuser: not found
deploy/faults#a-full-disk
    (sqlite3.OperationalError) database or disk is full
deploy/faults#the-reverse-proxy
    AH02565: Certificate and private key … do not match
"""


# LOGS
# --log: which pages of the guide contain lines of a log. It asks no server.

# A line of KNOWN with fewer letters and digits counts only where it stands alone: other programs say it too.
ALONE = 20
# Colours of a terminal, as they are, and as journals and syslog write them.
COLOURS = re.compile(r"(?:\x1b|#033|\^\[)\[[0-9;]*[Km]")
SPACES = re.compile(r"[ \t\r\xa0]+")
# How much of a text is read at a time, and how far around a match is looked: characters.
PIECE, AROUND = 1 << 20, 4000
# How much of a text that is not a log's, but a page's, is joined: a browser breaks lines where it likes.
PAGE = 1 << 20
# How many answers are told.
ANSWERS = 5


class Beside(str):
    """A line that many faults write: it counts only beside another one of its row."""


def known(table: str = KNOWN) -> list[tuple[str, str, list[str]]]:
    """The rows of a table such as KNOWN: a page, the rung that breaks there or "", and its lines. What hubcheck prints is one of them."""
    rows: list[tuple[str, str, list[str]]] = []
    for line in table.split("\n"):
        if line[:4] in ("    ", "  + "):
            rows[-1][2].append((str if line[2] == " " else Beside)(line[4:]))
        elif line:
            page, rung, *named = line.split(" ") if " " in line else (line, "")
            rows.append((page, rung, [f"Read: {name}" for name in named or [page] if rung]))
    return rows


def weight(pattern: str) -> int:
    """How much a line of KNOWN holds: its letters and digits."""
    return len(re.findall(r"[A-Za-z0-9]", pattern))


def place(pattern: str, line: str) -> tuple[int, int] | None:
    """From where to where a line of KNOWN matches a line of a text, if it does; in time that grows with the line alone."""
    begin, end, alone = -1, 0, weight(pattern) < ALONE
    parts = [part for part in SPACES.sub(" ", pattern).split("…") if part]
    for number, part in enumerate(parts, 1):
        at = line.rfind(part, end) if alone and number == len(parts) > 1 else line.find(part, end)
        if at < 0:
            return None
        begin, end = at if begin < 0 else begin, at + len(part)
    if alone:
        before = "" if pattern.startswith("…") else line[:begin].rstrip(" ")
        after = "" if pattern.endswith("…") else line[end:].lstrip(" ")
        if (before and before[-1] not in "]:>") or (after and after[0] not in "(<"):
            return None
    return begin, end


def found(pieces, table: list[tuple[str, str, list[str]]]) -> dict[str, tuple[str, int, int]]:
    """What of a table such as `known` a text holds, which comes in pieces of whole lines.

    {its line: (the first line of the text that matches it, with single spaces, from where, to where)}
    """
    seen: dict[str, tuple[str, int, int]] = {}
    left = {pattern: max(re.split("…|  ", pattern), key=len) for _, _, patterns in table for pattern in patterns}
    page = ""
    for piece in pieces:
        text = piece.replace("\xa0", " ")
        if any(sign in text for sign in ("\x1b[", "#033[", "^[[")):
            text = COLOURS.sub("", text)
        page += text[: PAGE - len(page)]
        for pattern, part in list(left.items()):
            at = text.find(part)
            while at >= 0:
                begin = max(text.rfind("\n", 0, at) + 1, at - AROUND)
                end = text.find("\n", at, at + AROUND)
                end = min(at + AROUND, len(text)) if end < 0 else end
                line = SPACES.sub(" ", text[begin:end]).strip(" ")
                if matched := place(pattern, line):
                    seen[pattern] = (line, *matched)
                    del left[pattern]
                    break
                at = text.find(part, end)
    page = " ".join(page.split())
    for pattern in left:
        if weight(pattern) >= ALONE and pattern in page:
            seen[pattern] = (pattern, 0, len(pattern))
    return seen


def answers(seen: dict[str, tuple[str, int, int]], table: list[tuple[str, str, list[str]]]) -> list[list[tuple[str, str, list[str]]]]:
    """The rows of a table of which a text holds lines, with those alone, the likeliest first.

    Rows of which it holds the same lines come together, in a list: it says of them all the same.
    """
    publishers: dict[str, int] = {}
    for _, _, patterns in table:
        for pattern in patterns:
            publishers[pattern] = publishers.get(pattern, 0) + 1
    groups: dict[tuple[str, ...], list[tuple[float, tuple[str, str, list[str]]]]] = {}
    for page, rung, patterns in table:
        hit = [pattern for pattern in patterns if pattern in seen]
        if any(not isinstance(pattern, Beside) for pattern in hit):
            groups.setdefault(tuple(sorted(hit)), []).append((len(hit) / len(patterns), (page, rung, hit)))
    worth = {hit: sum(weight(pattern) / publishers[pattern] for pattern in hit) for hit in groups}
    ranked = sorted(groups, key=lambda hit: (-worth[hit], -max(share for share, _ in groups[hit])))
    return [[row for _, row in sorted(groups[hit], key=lambda row: -row[0])] for hit in ranked]


class NoText(Exception):
    """A log that cannot be read; the text says why."""


def encoding(head: bytes) -> str:
    """How a text is written that begins so: as its first bytes say, else UTF-16 if every other byte is 0, else UTF-8."""
    for mark, name in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if head.startswith(mark):
            return name
    even, odd = head[0::2].count(0), head[1::2].count(0)
    for few, many, name in ((even, odd, "utf-16-le"), (odd, even, "utf-16-be")):
        if many > 0.4 * len(head) / 2 and few < many / 10:
            return name
    return "utf-8"


def pieces(file):
    """What a file of bytes holds as text, in pieces of whole lines; of a line that does not end, in pieces that overlap.

    Raises `NoText` if it holds nothing, or no text.
    """
    head = file.read(PIECE)
    if not head:
        raise NoText("there is nothing in it")
    decoder = codecs.getincrementaldecoder(encoding(head))("replace")
    text = decoder.decode(head)
    strange = len(re.findall(r"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f\ufffd]", text[:PIECE]))
    if strange > 0.3 * len(text[:PIECE]):
        raise NoText("it is no text: unpack it, or let journalctl print it")
    while head:
        cut = text.rfind("\n") + 1
        if cut:
            yield text[:cut]
            text = text[cut:]
        elif len(text) > PIECE:
            yield text
            text = text[-AROUND:]
        head = file.read(PIECE)
        text += decoder.decode(head, final=not head)
    yield text


def deciding(rows: list[tuple[str, str, list[str]]], table: list[tuple[str, str, list[str]]]) -> str:
    """The rung up to which a climb tells apart some rows of a table; "" if it names the same page for two of them."""
    pages = [page for page, _, _ in rows]
    named = [line for page, _, lines in table if page in pages for line in lines if line.startswith("Read: ")]
    rungs = [rung for rung in INSIDE if rung in [rung for _, rung, _ in rows]]
    return (rungs or [*INSIDE])[-1] if len(rows) == len(named) == len(set(named)) else ""


def read_log(name: str, guide: str) -> int:
    """Say which pages have lines of a log, and how to decide between those that have the same. The exit status."""
    table = known()
    try:
        with sys.stdin.buffer if name == "-" else open(name, "rb") as file:
            seen = found(pieces(file), table)
    except (NoText, OSError) as wrong:
        print(f"hubcheck: error: {name}: {getattr(wrong, 'strerror', '') or wrong}", file=sys.stderr)
        return 2
    likely = answers(seen, table)
    for rows in likely[:ANSWERS]:
        for pattern in rows[0][2]:
            line, begin, end = seen[pattern]
            print(f"    {visible(line[max(0, begin - 60) : end + 60])}")
        for page, _, _ in rows:
            print(f"  Read: {address(page, guide)}")
        if len(rows) > 1 and (rung := deciding(rows, table)):
            print(f"  To decide: python hubcheck.py https://hub.example.com/jupyter/ --user alice --until {rung}")
    if not likely:
        print("No line of this is on a page of the guide.")
        print("To find what fails: python hubcheck.py https://hub.example.com/jupyter/ --user alice")
    return 1 if likely else 0


# REPORTS
# Prints the results: as lines for a person, as one line for a timer, and as JUnit XML.


def teller():
    """A function that shows what goes on in one line that it writes over; only for a person who watches."""
    watched = sys.stderr.isatty()

    def tell(text: str) -> None:
        with suppress(OSError):  # a terminal that is closed
            if watched:
                print(f"\r\033[K{'… ' if text else ''}{visible(text[:70])}", end="", file=sys.stderr, flush=True)

    return tell


def show(result: dict, guide: str = "") -> None:
    """Print one rung for a person; in colours on a terminal."""
    colour, plain_again = ("\033[32m" if result["ok"] else "\033[31m", "\033[0m") if coloured() else ("", "")
    print(f"{colour}{'✓' if result['ok'] else '✗'} {result['rung']}{plain_again} ({result['seconds']:.1f} s)")
    for line in result["evidence"]:
        print(f"    {in_a_line(line)}")
    if not result["ok"]:
        print(f"    {in_a_line(result['said'])}")
        for line in judged(result, guide):
            print(f"  {line}")
    sys.stdout.flush()


def warn(result: dict, guide: str = "") -> None:
    """Print a rung that failed in one line, for a log; of one that holds nothing."""
    if not result["ok"]:
        print(in_a_line(" ".join([f"{result['rung']} fails: {result['said']}", *judged(result, guide)])), flush=True)


def in_a_line(text: str) -> str:
    """What a server or a kernel has said, as a line of a terminal, which obeys nothing of it."""
    return visible(" ".join(text.split()))


def coloured() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def junit(url: str, results: list[dict]) -> bytes:
    """The results as CI systems read them: a test case for each rung."""
    failures = sum(not result["ok"] for result in results)
    seconds = sum(result["seconds"] for result in results)
    suite = ElementTree.Element("testsuite", name=f"hubcheck {url}", tests=str(len(results)), failures=str(failures), time=f"{seconds:.2f}")
    for result in results:
        case = ElementTree.SubElement(suite, "testcase", classname="hubcheck", name=result["rung"], time=f"{result['seconds']:.2f}")
        if not result["ok"]:
            failure = ElementTree.SubElement(case, "failure", message=printable(result["said"]))
            failure.text = printable("\n".join(judged(result)))
        ElementTree.SubElement(case, "system-out").text = printable("\n".join(result["evidence"]))
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)


def printable(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", text)


# COMMAND LINE
# The options, and what each of them does.

# The release of the guide that this is from.
VERSION = "1.0"


class Arguments(argparse.ArgumentParser):
    """A command line whose faults are told in one line, without all the options before it."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: error: {message}\n")


def seconds(text: str) -> float:
    """What an option for a time holds: no more than a day."""
    if not 0 <= float(text) <= 86400:
        raise ValueError
    return float(text)


def arguments(given: list[str]) -> argparse.Namespace:
    """Read the command line; ends with status 2 and a line that says what is wrong."""
    parser = Arguments(prog="hubcheck", description="Check a JupyterHub from the outside, the way a user's browser meets it.")
    parser.add_argument("url", nargs="?", help="the hub's public address, with its base URL: https://hub.example.com/jupyter/")
    parser.add_argument("--user", default="", help="log in as this user; an ordinary test account is best")
    parser.add_argument("--password-file", metavar="FILE", help="file that holds the password; without it you are asked")
    parser.add_argument("--token-file", metavar="FILE", help="file that holds a user's API token, in place of --user (or HUBCHECK_TOKEN)")
    parser.add_argument("--kernel", default="my_kernel", help="the kernel to run (default: %(default)s)")
    parser.add_argument("--code", default="6 * 7", help="what the kernel computes (default: %(default)s)")
    parser.add_argument("--expect", default="42", help="what its answer contains (default: %(default)s)")
    parser.add_argument("--idle", type=seconds, default=0, metavar="SECONDS", help="leave the kernel's WebSocket silent for so long")
    parser.add_argument("--megabytes", type=int, default=20, help="size of the upload (default: %(default)s)")
    parser.add_argument("--timeout", type=seconds, default=20, metavar="SECONDS", help="for one answer (default: %(default)s)")
    parser.add_argument("--spawn-timeout", type=seconds, default=90, metavar="SECONDS", help="for a server's start (default: %(default)s)")
    parser.add_argument("--ca-file", help="trust the certificate authorities in this file instead of the machine's")
    parser.add_argument("--resolve", action="append", default=[], metavar="HOST:PORT:ADDRESS", help="before the name is in the DNS")
    parser.add_argument("--until", choices=INSIDE, metavar="RUNG", help="climb no further than this rung")
    parser.add_argument("--keep-server", action="store_true", help="leave the user's server running afterwards")
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="write the results as JSON, to a file or in place of the text")
    parser.add_argument("--junit", metavar="FILE", help="write the results as JUnit's XML, for CI")
    parser.add_argument("--watch", action="store_true", help="say nothing if all rungs hold, and else one line: for a timer")
    parser.add_argument("--guide", default="", metavar="URL", help="where your copy of the guide is, for whole addresses")
    parser.add_argument("--log", metavar="FILE", help="read a log, and name the pages that have lines of it; - for what is piped in")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every request to the error stream")
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}", help="print which release of the guide this is from")
    options = parser.parse_args(given)
    if options.log is not None:
        if options != parser.parse_args(["--log", options.log, "--guide", options.guide]):
            parser.error("--log goes with --guide alone")
        return options
    if not options.url:
        parser.error("the following arguments are required: url")
    if "@" in options.url.partition("//")[2].partition("/")[0]:
        parser.error("an address holds no name and no password: give --user and --password-file")
    try:
        parts = urlsplit(options.url)
        fits = parts.scheme in ("http", "https") and parts.hostname and port_of(parts)
    except ValueError:
        fits = False
    if not fits:
        parser.error(f"not an address: {options.url!r}; it looks like https://hub.example.com/jupyter/")
    for entry in options.resolve:
        if not re.fullmatch(r"[^:]+:\d+:.+", entry):
            parser.error(f"--resolve takes HOST:PORT:ADDRESS, not {entry!r}")
    for name in filter(None, (options.password_file, options.token_file, options.ca_file)):
        if not os.path.isfile(name):
            parser.error(f"no such file: {name}")
    if options.password_file and not options.user:
        parser.error("--password-file goes with --user")
    if options.ca_file:
        try:
            ssl.create_default_context(cafile=options.ca_file)
        except OSError:
            parser.error(f"no certificates in PEM format: {options.ca_file}")
    if options.user and options.token_file:
        parser.error("--token-file goes without --user: a token is somebody's already")
    for name in filter(None, (options.json, options.junit)):
        if os.path.isdir(name):
            parser.error(f"a folder, not a file: {name}")
        if name != "-" and not os.path.isdir(os.path.dirname(name) or "."):
            parser.error(f"no such folder: {os.path.dirname(name)}")
    options.token = "" if options.user else secret(parser, options.token_file) or os.environ.get("HUBCHECK_TOKEN", "").strip()
    if options.token and not re.fullmatch(r"[\x21-\x7e]+", options.token):
        parser.error("the token holds characters that no token has")
    if options.user and options.password_file:
        options.password = secret(parser, options.password_file)
    elif options.user:
        try:
            options.password = getpass.getpass(f"Password of {options.user}: ")
        except (KeyboardInterrupt, EOFError):
            parser.error("no password was given")
    return options


def secret(parser: argparse.ArgumentParser, name: str | None) -> str:
    """What a file holds, without the end of its line; a file that holds nothing is wrong usage."""
    if not name:
        return ""
    try:
        with open(name, encoding="utf-8", errors="replace") as file:
            held = file.read().rstrip("\r\n")
    except OSError as error:
        parser.error(f"{name}: {error.strerror}")
    if not held:
        parser.error(f"nothing in the file: {name}")
    return held


def main(given: list[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # no terminal, but a text in memory
            stream.reconfigure(errors="replace")
    options = arguments(sys.argv[1:] if given is None else given)
    if options.log is not None:
        return read_log(options.log, options.guide)
    if LACKING:
        sys.exit(f"hubcheck needs the Python package {LACKING!r}: run it with 'uv run', or with the hub's own Python.")
    options.tell = teller()
    resolve(options.resolve)
    # Nothing of a ~/.netrc: it would take the token's place, and be sent in clear to addresses with http://.
    os.environ["NETRC"] = os.devnull
    # Whoever ends the check, or closes its terminal, gets the cleaning up too; under nohup, the terminal does not count.
    for name in ("SIGTERM", "SIGHUP"):
        if signal.getsignal(getattr(signal, name, signal.SIGTERM)) == signal.SIG_DFL:
            signal.signal(getattr(signal, name), signal.default_int_handler)
    hub = Hub(options.url, options)
    with suppress(OSError):
        if hub.parts.scheme == "http" and (options.user or options.token) and not hub.loopback:
            print(
                f"hubcheck: without https, all can read what is sent: the {'token' if options.token else 'password'} too", file=sys.stderr
            )

    def say(result: dict) -> None:
        options.tell("")
        if options.json != "-":
            (warn if options.watch else show)(result, options.guide)

    try:
        results = climb(hub, say)
    except KeyboardInterrupt:
        options.tell("")
        clean = not hub.left and not hub.undo
        print(f"hubcheck: interrupted{'; what it had started is taken away again' if clean else ''}", file=sys.stderr)
        return 1
    finally:
        if hub.left:
            print(f"hubcheck: not taken away again: {in_a_line(shortened('; '.join(dict.fromkeys(hub.left))))}", file=sys.stderr)
    written = json.dumps({"hubcheck": VERSION, "guide": options.guide, "url": options.url, "rungs": results}, indent=2, ensure_ascii=False)
    # JSON itself lets a terminal's signs pass that are no ASCII.
    written = "".join(letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1] for letter in written)
    if options.json == "-":
        print(written)
    elif options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(f"{written}\n")
    if options.junit:
        with open(options.junit, "wb") as file:
            file.write(junit(options.url, results))
    return 0 if all(result["ok"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
