dnl SPDX-License-Identifier: Apache-2.0
dnl AF2_APPEND_CFLAG(FLAG): add FLAG to AF2_CFLAGS if the compiler knows it.
AC_DEFUN([AF2_APPEND_CFLAG], [
	AS_VAR_PUSHDEF([af2_cache], [af2_cv_cflag_$1])
	AC_CACHE_CHECK([whether $CC accepts $1], [af2_cache], [
		af2_saved_cflags=$CFLAGS
		CFLAGS="$CFLAGS -Werror $1"
		AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
			[AS_VAR_SET([af2_cache], [yes])], [AS_VAR_SET([af2_cache], [no])])
		CFLAGS=$af2_saved_cflags
	])
	AS_VAR_IF([af2_cache], [yes], [AF2_CFLAGS="$AF2_CFLAGS $1"])
	AS_VAR_POPDEF([af2_cache])
])
