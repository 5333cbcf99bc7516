#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The system tests as a user without rights, umask 022.
export mask=022
# shellcheck source=/dev/null
. "$AF2_SRCDIR/tests/system/as_user.inc"
