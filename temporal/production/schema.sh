#!/bin/sh
# Makes Temporal's two databases, or brings them to the version of this image. Idempotent; SQL_* say where.
set -eu

versions=/etc/temporal/schema/postgresql/v12

setup() {
  temporal-sql-tool --db "$1" create
  temporal-sql-tool --db "$1" setup-schema --version 0.0
  temporal-sql-tool --db "$1" update-schema --schema-dir "$versions/$2/versioned"
}

setup temporal temporal
setup temporal_visibility visibility
