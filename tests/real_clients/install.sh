#!/usr/bin/env bash
# Installs the clients of tests/real_clients.rs, and what tests/openapi_live.rs and tests/explorer_page.rs check with: packages for Python,
# JavaScript and Rust from their registries into target/clients, others as Debian packages where that is possible. What cannot be installed
# is named, and its test prints that it is skipped.
set -uo pipefail
cd "$(dirname "$0")/../.."
clients=$PWD/target/clients
mkdir -p "$clients"

absent() { echo "cannot be installed here: $*"; }

# influxdb-python and its live suite. The suite needs pandas.
{ [ -x "$clients/python/bin/pip" ] || python3 -m venv "$clients/python"; } &&
  "$clients/python/bin/pip" install --quiet --disable-pip-version-check 'influxdb==5.3.2' 'pandas>=2' ||
  absent influxdb-python

# The program of tests/openapi_live.rs.
[ -x "$clients/python/bin/pip" ] &&
  "$clients/python/bin/pip" install --quiet --disable-pip-version-check 'schemathesis==4.32.5' ||
  absent schemathesis

# Two clients for Node.js.
command -v npm >/dev/null &&
  npm install --silent --no-audit --no-fund --prefix "$clients/node" influx@5.12.0 influxdb-nodejs@3.1.0 >/dev/null ||
  absent "npm packages influx and influxdb-nodejs"

# What tests/explorer_page.rs checks the accessibility of pages with.
command -v npm >/dev/null &&
  npm install --silent --no-audit --no-fund --prefix "$clients/node" axe-core@4.14.1 >/dev/null ||
  absent axe-core

# The crate influxdb with its own tests, which expect servers at fixed ports: the environment names them instead.
crate=influxdb-0.8.0
install_crate() {
  [ -f "$clients/rust/$crate/ready" ] && return
  mkdir -p "$clients/rust" && cd "$clients/rust" && rm -rf "$crate" || return
  curl --silent --show-error --fail --location "https://static.crates.io/crates/influxdb/$crate.crate" | tar -xz || return
  sed -i 's#"http://127.0.0.1:8086"#std::env::var("INFLUXDB_OPEN").unwrap()#; s#"http://127.0.0.1:9086"#std::env::var("INFLUXDB_AUTHENTICATED").unwrap()#' \
    "$crate"/tests/*.rs || return
  # It is not a member of the workspace around it.
  printf '\n[workspace]\n' >>"$crate/Cargo.toml"
  # The tests of the API of version 2 need another server.
  cargo test --quiet --manifest-path "$crate/Cargo.toml" --target-dir target --no-default-features \
    --features serde,derive,chrono --no-run --test integration_tests --test derive_integration_tests || return
  touch "$crate/ready"
}
(install_crate) || absent "the crate influxdb"

# Packages of Debian: the shell, and clients for Go and Ruby.
package() {
  dpkg -s "$1" >/dev/null 2>&1 && return
  command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return
  if [ -z "${updated:-}" ]; then apt-get update -qq >/dev/null 2>&1; updated=yes; fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1
}
for name in influxdb-client golang-go golang-github-influxdb-influxdb-dev ruby ruby-influxdb; do
  package "$name" || absent "$name"
done
exit 0
