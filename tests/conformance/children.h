/* SPDX-License-Identifier: MIT */
/* children.h - the scenes of children.c, which do not depend on how an end is noticed. */
#ifndef CHILDREN_H
#define CHILDREN_H

#include "support.h"

void report_each_end(void);
void report_many_ends(void);
void leave_children_alone(void);
void change_children_inside(void);
void share_children(void);

#endif
