#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The system tests as a user without rights, umask 022.
mask=022
. "$AF2_SRCDIR/tests/system/as_user.inc"
