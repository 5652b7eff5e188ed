"""An LDAP server: Debian's slapd on a machine of its own, with people and a group."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.harness.machines import deployment, engine, images

HOST = "ldap.example.com"
FOLDER = "/srv/ldap"
# lena is in the group that may log in, omar is not.
PASSWORDS = {"lena": "Correct-horse-8", "omar": "Correct-horse-9"}
# In the group too: names that a shell or an address would take apart, and that of an account which each Debian has itself.
STRANGE = ("x$(touch made)", "lena?x")
OF_THE_MACHINE = "games"
# Under which SSSD knows them too.
MAILS = {"lena": "lena.berg@example.org", STRANGE[0]: "y$(touch made)@example.org"}
GROUP = "jupyter-users"
TLS = """
TLSCACertificateFile /srv/ldap/ca.pem
TLSCertificateFile /srv/ldap/cert.pem
TLSCertificateKeyFile /srv/ldap/key.pem
"""
CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile /run/slapd-tests.pid
{tls}
database mdb
suffix dc=example,dc=com
directory /srv/ldap/database
access to attrs=userPassword by anonymous auth by * none
access to * by * read
"""
TREE = """dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=people,dc=example,dc=com
objectClass: posixGroup
cn: people
gidNumber: 20000

dn: cn={group},dc=example,dc=com
objectClass: posixGroup
cn: {group}
gidNumber: 20100
memberUid: lena
{members}"""
PERSON = """
dn: uid={name},dc=example,dc=com
objectClass: account
objectClass: posixAccount
objectClass: shadowAccount
objectClass: extensibleObject
uid: {name}
cn: {name}
uidNumber: {number}
gidNumber: 20000
homeDirectory: /users/{name}
loginShell: /bin/bash
userPassword: {password}
mail: {mail}
"""


@dataclass
class Directory:
    """A machine with slapd."""

    machine: engine.Container

    def start(self, tls: bool = True) -> None:
        """Have it listen on both of its ports, or on that without TLS alone, where it then speaks none."""
        ports = "ldap:/// ldaps:///" if tls else "ldap:///"
        config = {f"{FOLDER}/slapd.conf": CONFIG.format(tls=TLS if tls else "")}
        self.machine.sh(f"slapd -f {FOLDER}/slapd.conf -h '{ports}'", config)

    def stop(self) -> None:
        self.machine.sh("pid=$(cat /run/slapd-tests.pid); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.1; done")

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """For the length of a `with` block it takes connections, and says nothing."""
        self.machine.sh("kill -STOP $(cat /run/slapd-tests.pid)")
        try:
            yield
        finally:
            self.machine.sh("kill -CONT $(cat /run/slapd-tests.pid)")


@contextlib.contextmanager
def directory(network: str) -> Iterator[Directory]:
    """A directory at `HOST`, with TLS, for the length of a `with` block."""
    images.prepare(wanted=[images.directory()])
    more = dict.fromkeys((*STRANGE, OF_THE_MACHINE), PASSWORDS["lena"])
    people = [
        PERSON.format(name=name, number=20001 + place, password=word, mail=MAILS.get(name, f"{20001 + place}@example.org"))
        for place, (name, word) in enumerate((PASSWORDS | more).items())
    ]
    members = "".join(f"memberUid: {name}\n" for name in more)
    chain, key = deployment.certificate(HOST)
    files = {
        f"{FOLDER}/tree.ldif": TREE.format(group=GROUP, members=members) + "".join(people),
        f"{FOLDER}/slapd.conf": CONFIG.format(tls=TLS),
        f"{FOLDER}/ca.pem": deployment.authority().cert_pem.bytes(),
        f"{FOLDER}/cert.pem": chain,
        f"{FOLDER}/key.pem": key,
    }
    with engine.run(images.directory().tag, network=network) as machine:
        machine.sh(f"mkdir {FOLDER}/database && slapadd -f {FOLDER}/slapd.conf -l {FOLDER}/tree.ldif", files)
        made = Directory(machine)
        made.start()
        yield made
