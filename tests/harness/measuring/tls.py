"""What a reverse proxy offers before HTTP begins: ciphers, compared with Mozilla's profile by sslyze, and session resumption."""

from __future__ import annotations

from sslyze import Scanner, ServerNetworkLocation, ServerScanRequest
from sslyze.mozilla_tls_profile import tls_config_checker as mozilla

from tests.harness.machines import deployment
from tests.harness.manifest import PUBLISHED, VALUES, Files
from tests.harness.on_server import raw_client

# The reader's own matter, and OpenSSL's.
OTHERS = ("certificate", "curves")


def offered(proxy: str, kind: str, files: Files = PUBLISHED) -> tuple[dict[str, str], dict[str, list], set[str]]:
    """What a server offers in TLS.

    - What keeps it from the profile "intermediate", sslyze's name of the matter to its words.
    - The words of `raw_client.resume`.
    - The ciphers that it accepts in TLS 1.2, by OpenSSL's names.

    RuntimeError if the server speaks no TLS.
    """
    with deployment.alone(proxy, kind, files) as machine, deployment.authority().cert_pem.tempfile() as ca:
        port, scanner = machine.port(443), Scanner()
        scanner.queue_scans([ServerScanRequest(ServerNetworkLocation(VALUES["host"], port, "127.0.0.1"))])
        (result,) = scanner.get_results()
        sessions = raw_client.resume(deployment.URL, ca, "127.0.0.1", port)
    if not result.scan_result:
        raise RuntimeError(f"{proxy} ({kind}) speaks no TLS: {result.connectivity_error_trace}")
    accepted = result.scan_result.tls_1_2_cipher_suites.result.accepted_cipher_suites
    ciphers = {suite.cipher_suite.openssl_name for suite in accepted}
    profile = mozilla.MozillaTlsConfiguration.get(mozilla.TlsConfigurationEnum.MOZILLA_INTERMEDIATE)
    try:
        mozilla.check_server_against_tls_configuration(result, profile)
    except mozilla.ServerNotCompliantWithTlsConfiguration as found:
        return {name: words for name, words in found.issues.items() if not any(other in name for other in OTHERS)}, sessions, ciphers
    return {}, sessions, ciphers
