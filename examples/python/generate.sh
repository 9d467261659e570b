#!/bin/sh
# Generates gen/ from the contract, with what Debian packages:
#
#   apt-get install --no-install-recommends python3-grpcio python3-protobuf \
#     protobuf-compiler protobuf-compiler-grpc libprotobuf-dev
set -eu
cd "$(dirname "$0")"
rm -rf gen
mkdir gen
protoc -I ../../proto -I ../../third_party -I ../proto -I /usr/include \
  --python_out=gen --pyi_out=gen --grpc_out=gen --plugin=protoc-gen-grpc="$(command -v grpc_python_plugin)" \
  ../../proto/stoker/v1/*.proto ../../third_party/buf/validate/validate.proto ../proto/stoker/examples/errors.proto
