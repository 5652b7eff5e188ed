"""Names and addresses that look like another user's, or like a command, as the published Python takes them. No hub runs here."""

import ast
import re
import shlex
import subprocess
from types import SimpleNamespace

import pytest
from tornado import web

from tests.harness.manifest import PUBLISHED


def read(name):
    """What a published file sets to plain values, by its dotted name, and its methods by their names."""
    values, methods = {}, {}
    for node in ast.walk(ast.parse(PUBLISHED.read(name))):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            values[ast.unparse(node.targets[0])] = node.value.value
        elif isinstance(node, ast.FunctionDef):
            methods[node.name] = node
    return values, methods


def callable_of(node, **known):
    """A published method as a function, without its decorators."""
    node.decorator_list = []
    exec(compile(ast.Module([node], []), "published", "exec"), known)
    return known[node.name]


DEPLOYMENT = "https://purl.imsglobal.org/spec/lti/claim/deployment_id"
LOGINS = {"lti/lti.py": "get_username", "logins/oidc.py": "user_info_to_username"}


@pytest.fixture(params=LOGINS)
def account(request):
    """The account to which an address leads, by a published login."""
    values, methods = read(request.param)
    known = {name: value for name, value in values.items() if name.isupper()} | {"DEPLOYMENTS": {"1"}, "ACCOUNTS": {}}
    method = callable_of(methods[LOGINS[request.param]], re=re, web=web, **known)
    return lambda address: method(None, {"email": address, "email_verified": True, "sub": "1", DEPLOYMENT: "1"})


@pytest.mark.parametrize("address", ["kim@example.com", "Kim@example.com", "KIM@EXAMPLE.COM"])
def test_an_address_in_capital_letters_is_the_same_account(account, address):
    assert account(address) == "kim"


@pytest.mark.parametrize(
    "address",
    [
        "\u212aim@example.com",  # the Kelvin sign, of which Unicode's lower case is k
        "k\u0130m@example.com",  # a capital I with a dot
        "\uff4bim@example.com",  # a wide k
        "kim@e\u212aample.com",
        "kim+1@example.com",
        "kim @example.com",
        "kim@example.com ",
        "kim@example.com\n",
        "kim\n@example.com",
        "kim%40example.com",
        "kim@example.com.",
        "kim@example.com@elsewhere.example",
        "kim@elsewhere.example@example.com",
        ".@example.com",
        "@example.com",
        "example.com",
        "",
    ],
)
def test_an_address_that_looks_like_an_accounts_leads_nowhere(account, address):
    with pytest.raises(web.HTTPError) as refused:
        account(address)
    assert refused.value.status_code == 403


@pytest.mark.parametrize("name", ["alice", "x$(touch made)@example.com", "`touch made`", "x;touch made", "x --uid=root", "o'neil", 'a"b'])
def test_no_name_is_a_command_or_an_option_where_a_job_is_submitted(tmp_path, name):
    """The published command in a real shell, with a program in the place of sbatch that says what it was given."""
    values, methods = read("slurm/slurm.py")
    quoted = name
    if "quoted_name" in methods:
        quoted = callable_of(methods["quoted_name"], shlex=shlex)(SimpleNamespace(user=SimpleNamespace(name=name)))
    programs = {"sbatch": 'for one; do echo "$one"; done', "id": '[ "$2" ] && echo 1000'}
    for program, does in programs.items():
        (tmp_path / program).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / program).chmod(0o755)
    command = values["c.SlurmSpawner.batch_submit_cmd"].format(username=quoted)
    done = subprocess.run(["/bin/sh", "-c", f"PATH={tmp_path}:$PATH; {command}"], capture_output=True, text=True, cwd=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["id", "sbatch"]
    assert done.stdout.splitlines() == ["--parsable", f"--uid={name}", "--gid=1000"], done.stderr
