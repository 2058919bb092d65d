/* SPDX-License-Identifier: MIT */
/*
 * svg.h - makes gnuplot's SVG suitable for a page, next to other plots.
 */
#ifndef BENCH_SVG_H
#define BENCH_SVG_H

#include <stdio.h>

/* The colours of series in a script, "#0072b2"; on the page they are --c0, --c1 ... */
extern const char *const svg_colours[8];
#define SVG_GRID    "#a0a0a0" /* --grid of the page */
#define SVG_NEUTRAL "#707070" /* --neutral */
#define SVG_BETTER  "#1c6fb3" /* --better-4 */
#define SVG_WORSE   "#b84e00" /* --worse-4 */

/*
 * Copy `from` (gnuplot's svg terminal, name '`prefix`') without the parts that a page must not
 * have: the XML prologue, namespaces (HTML knows them), identifiers that are the same in each plot,
 * and fixed colours, which would not be legible on both a light and a dark page.
 */
void svg_clean(FILE *from, const char *prefix, FILE *to);

#endif
