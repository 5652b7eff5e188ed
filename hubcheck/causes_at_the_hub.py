"""What can be seen in answers of the hub's API, the login, a user's server, its page, and the causes of each."""

from __future__ import annotations

from .causes_on_the_way import BEFORE, OneOf

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
