"""What a reverse proxy offers to browsers before a word of HTTP is said, held against Mozilla's profile by sslyze."""

from __future__ import annotations

from sslyze import Scanner, ServerNetworkLocation, ServerScanRequest
from sslyze.mozilla_tls_profile import tls_config_checker as mozilla

from tests.harness.machines import deployment
from tests.harness.manifest import PUBLISHED, VALUES, Files

# The reader's own matter, and OpenSSL's.
OTHERS = ("certificate", "curves")


def weaknesses(proxy: str, kind: str, files: Files = PUBLISHED) -> dict[str, str]:
    """What keeps a server from the profile "intermediate": sslyze's name of the matter to its words.

    RuntimeError if the server speaks no TLS.
    """
    with deployment.alone(proxy, kind, files) as machine:
        scanner = Scanner()
        scanner.queue_scans([ServerScanRequest(ServerNetworkLocation(VALUES["host"], machine.port(443), "127.0.0.1"))])
        (result,) = scanner.get_results()
    if not result.scan_result:
        raise RuntimeError(f"{proxy} ({kind}) speaks no TLS: {result.connectivity_error_trace}")
    profile = mozilla.MozillaTlsConfiguration.get(mozilla.TlsConfigurationEnum.MOZILLA_INTERMEDIATE)
    try:
        mozilla.check_server_against_tls_configuration(result, profile)
    except mozilla.ServerNotCompliantWithTlsConfiguration as found:
        return {name: words for name, words in found.issues.items() if not any(other in name for other in OTHERS)}
    return {}
