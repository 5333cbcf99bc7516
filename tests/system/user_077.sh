#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The system tests as a user without rights, umask 077.
mask=077
. "$AF2_SRCDIR/tests/system/as_user.inc"
