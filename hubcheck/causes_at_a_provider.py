"""What can be seen of a login at a provider, of OpenID Connect for example, and the causes of each."""

from __future__ import annotations

from .causes_on_the_way import OneOf

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
