/* SPDX-License-Identifier: Apache-2.0
 * graph_draw: DOT to SVG, laid out by libgvc in a process of its own: a layout may take
 * very long, and the library may crash or exit.
 */
#ifndef VIEW_GRAPH_DRAW_H
#define VIEW_GRAPH_DRAW_H

#include "base/error.h"

/* More nodes than this are not laid out. */
#define GRAPH_DRAW_MAX_NODES 3000

/* Draw `dot_text` to the file `out_path`, which is replaced as a whole or left as it
 * was. Starts this program again as `graph-draw DOT SVG` and waits for it, at most
 * `timeout` seconds (0: 60); then it is killed. 0, or -1 with the error set. */
int graph_draw_svg(const char *dot_text, const char *out_path, double timeout,
                   struct error *e);
/* The program behind it: reads the file `dot_path`, writes `svg_path`. Returns an exit
 * status; what is wrong stands in one line on stderr. */
int graph_draw_main(const char *dot_path, const char *svg_path);

#endif
