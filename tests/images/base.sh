#!/bin/sh
# base.sh SUITE: a stand-in for debian:SUITE-slim, as a tar on standard output, for machines that reach
# Debian's packages but no container registry. It uses the mirror, the apt settings and the extra
# certificate authorities of the machine it runs on.
set -eu
suite=$1
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Runs after the base is unpacked, with its root as $1: carry over the authorities that it lacks.
cat >"$work/trust" <<'HOOK'
#!/bin/sh
set -eu
to=$1/usr/local/share/ca-certificates
mkdir -p "$to"
csplit -sz -f "$to/host-" -b '%03d.crt' /etc/ssl/certs/ca-certificates.crt '/-----BEGIN/' '{*}'
fingerprints() { openssl crl2pkcs7 -nocrl -certfile "$1" | openssl pkcs7 -print_certs -noout | sort -u; }
fingerprints "$1/etc/ssl/certs/ca-certificates.crt" >"$1/tmp/known"
for one in "$to"/host-*.crt; do
  if ! openssl x509 -in "$one" -noout -checkend 0 >/dev/null 2>&1; then rm "$one"
  elif fingerprints "$one" | grep -v '^$' | while IFS= read -r line; do grep -qxF -e "$line" "$1/tmp/known" || exit 1; done; then rm "$one"
  fi
done
rm "$1/tmp/known"
chroot "$1" update-ca-certificates >/dev/null
HOOK
chmod +x "$work/trust"

set -- "deb $mirror $suite main" "deb $mirror $suite-updates main" "deb ${mirror%debian*}debian-security $suite-security main"
apt-config dump | grep -E '^Acquire::(https?::|Check-)' >"$work/inherit" || true
mmdebstrap --quiet --variant=minbase --include=ca-certificates \
  --aptopt='Acquire::Languages "none"' --aptopt="$work/inherit" \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --customize-hook="$work/trust \"\$1\"" "$suite" - "$@"
