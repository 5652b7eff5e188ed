"""A domain of Active Directory's kind: Debian's samba as its controller, on a machine of its own, with people and a group."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.harness.machines import deployment, engine, images

DOMAIN, SHORT, HOST = "example.com", "EXAMPLE", "dc.example.com"
ADMINISTRATOR = "Correct-horse-1"
# omar is in no group that may log in.
PASSWORDS = {"lena": "Correct-horse-8", "Nora.Berg": "Correct-horse-7", "omar": "Correct-horse-9"}
GROUP = "Jupyter Users"
# Files' further attributes go into a database of samba's own: a container may not write those of its disk.
MAKE = f"""samba-tool domain provision --realm={DOMAIN.upper()} --domain={SHORT} --host-name=dc --adminpass={ADMINISTRATOR} \
  --server-role=dc --dns-backend=SAMBA_INTERNAL --use-rfc2307 --option='posix:eadb=/var/lib/samba/private/eadb.tdb' \
  --option='tls keyfile=/srv/domain/key.pem' --option='tls certfile=/srv/domain/cert.pem' --option='tls cafile=/srv/domain/ca.pem' \
  --option='dns forwarder=' >/srv/domain/made 2>&1 || {{ tail -n 20 /srv/domain/made; exit 1; }}
samba-tool group add {GROUP!r}
"""
PIDS = "/run/samba/samba.pid"
# The policy that each domain begins with: its name in the database, and its folder. Of it the part that says who may log in.
POLICY = "{31B2F340-016D-11D2-945F-00C04FB984F9}"
FOLDER = f"/var/lib/samba/sysvol/{DOMAIN}/Policies/{POLICY}"
RULES = "{827D319E-6EAC-11D2-A4EA-00C04F79F83A}{803E14A0-B4FB-11D0-A0D0-00A0C90F574B}"
DENY = """[Unicode]
Unicode=yes
[Version]
signature="$CHICAGO$"
Revision=1
[Privilege Rights]
SeDenyInteractiveLogonRight = *{}
"""
# The database's version of the policy, and that there are rules for machines in it.
ANNOUNCE = r"""
import sys
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

settings = LoadParm()
settings.load_default()
policy, rules, version = sys.argv[1:]
SamDB(lp=settings, session_info=system_session()).modify_ldif(
    f"dn: CN={policy},CN=Policies,CN=System,DC=example,DC=com\nchangetype: modify\nreplace: gPCMachineExtensionNames\n"
    f"gPCMachineExtensionNames: [{rules}]\n-\nreplace: versionNumber\nversionNumber: {version}\n"
)
"""
# An account's userPrincipalName. The controller looks whether another account is called so. Its file does not, and so is as one
# that has been there for longer than this check.
PRINCIPAL = r"""
import sys
import ldb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

how, user, name = sys.argv[1:]
settings = LoadParm()
settings.load_default()
if how == "checked":
    database = SamDB(lp=settings, session_info=system_session())
else:
    database = ldb.Ldb("tdb:///var/lib/samba/private/sam.ldb.d/DC=EXAMPLE,DC=COM.ldb")
text = f"dn: CN={user},CN=Users,DC=example,DC=com\nchangetype: modify\nreplace: userPrincipalName\nuserPrincipalName: {name}\n"
for _, change in database.parse_ldif(text):
    database.modify(change)
"""


@dataclass
class Domain:
    """A machine with samba."""

    machine: engine.Container
    version: int = 0

    def tool(self, *words: str) -> str:
        """What samba's own tool prints."""
        return self.machine.exec("samba-tool", *words).stdout

    def principal(self, user: str, name: str, checked: bool = True) -> None:
        """Give an account a userPrincipalName. RuntimeError with samba's words if it refuses."""
        self.machine.exec("python3", "-", "checked" if checked else "unchecked", user, name, input=PRINCIPAL)

    def start(self, clock: str = "") -> None:
        """Have it serve names, Kerberos and LDAP; `clock` is how far it is apart, such as "+1h"."""
        apart = f"LD_PRELOAD=$(dpkg --listfiles libfaketime | grep 'libfaketime.so.1$') FAKETIME={clock}" if clock else ""
        self.machine.sh(f"{apart} samba --daemon")
        self.machine.until('for port in 53 88 389 445 636; do bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" || exit 1; done')

    def stop(self) -> None:
        self.machine.sh(
            f"pid=$(cat {PIDS}); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.1; done; pkill smbd; pkill winbindd; true"
        )

    def clock(self) -> float:
        """The controller's time, as it tells others, in seconds."""
        return float(self.machine.sh('date --date "$(net time -S 127.0.0.1)" +%s').stdout)

    def deny(self, user: str) -> None:
        """Have the domain's policy say that a user may log in to none of its machines."""
        (number,) = re.findall(r"S-1-5\S+", self.tool("user", "show", user, "--attributes=objectSid"))
        self._policy(DENY.format(number))

    def deny_nobody(self) -> None:
        self._policy("[Unicode]\nUnicode=yes\n")

    def _policy(self, text: str) -> None:
        """Each version is higher than the last: who has read one reads no lower one."""
        self.version += 1
        files: dict[str, str | bytes] = {
            f"{FOLDER}/MACHINE/Microsoft/Windows NT/SecEdit/GptTmpl.inf": text.replace("\n", "\r\n"),
            f"{FOLDER}/GPT.INI": f"[General]\r\nVersion={self.version}\r\n",
        }
        self.machine.put(files)
        self.machine.exec("python3", "-", POLICY, RULES, str(self.version), input=ANNOUNCE)


@contextlib.contextmanager
def domain(network: str) -> Iterator[Domain]:
    """A domain whose controller is `HOST`, for the length of a `with` block."""
    images.prepare(wanted=[images.domain()])
    chain, key = deployment.certificate(HOST)
    files = {"/srv/domain/ca.pem": deployment.authority().cert_pem.bytes(), "/srv/domain/cert.pem": chain, "/srv/domain/key.pem": key}
    people = "".join(f"samba-tool user create {name} {word}\n" for name, word in PASSWORDS.items())
    with engine.run(images.domain().tag, network=network, options=("--hostname", HOST)) as machine:
        machine.sh(MAKE + people + f"samba-tool group addmembers {GROUP!r} lena,Nora.Berg", files)
        made = Domain(machine)
        made.start()
        yield made
