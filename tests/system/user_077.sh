#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The system tests as a user without rights, umask 077.
export mask=077
# shellcheck source=/dev/null
. "$AF2_SRCDIR/tests/system/as_user.inc"
