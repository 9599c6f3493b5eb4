#!/bin/sh
# Makes the namespace, which keeps closed workflows for 30 days, and prchain's search attributes. Idempotent; an
# existing namespace keeps its retention. TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE say where.
set -eu

# A server that has just started, and a namespace that was just made, take some seconds to be known everywhere.
persist() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ "$tries" -lt 30 ] || return 1
    sleep 2
  done
}

persist temporal operator cluster health
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 30d
persist temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" \
  --name Campaign --type Keyword \
  --name Repository --type Keyword \
  --name Chain --type Keyword \
  --name Scaffold --type Keyword \
  --name ChainStatus --type Keyword \
  --name Stage --type Int \
  --name Round --type Int \
  --name Score --type Double \
  --name NeedsAttention --type Bool
