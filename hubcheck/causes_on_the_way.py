"""What can be seen of an address, a certificate, a connection, a WebSocket or a redirect, and the causes of each.

What the editor says is here too: its errors hold the words of connections, so they are looked at before those.
"""

from __future__ import annotations

from typing import NamedTuple


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
