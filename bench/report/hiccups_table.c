/* SPDX-License-Identifier: MIT */
/* hiccups_table.c - see hiccups_table.h. */
#include "hiccups_table.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "quantity.h"
#include "results/document_access.h"

enum {
  ROLE_COLUMNS = 26,
  SHARE_COLUMNS = 18,
  TEXT_SIZE = 96
};

static void put_share(struct text_line *line, const json_t *one, const char *key) {
  char share[QUANTITY_SIZE], text[TEXT_SIZE];
  snprintf(text, sizeof text, "%s %%", quantity_text(share, 100 * member_number(one, key)));
  line_right(line, text, SHARE_COLUMNS);
}

static void put_row(struct text_line *line, const json_t *one) {
  const char *role = member_text(one, "role");
  char largest[QUANTITY_SIZE], text[TEXT_SIZE];
  bool any = strcmp(role, "any") == 0;
  snprintf(text, sizeof text, "%.16s%s processor", role, any ? "" : "'s");
  line->blanks += 2;
  line_left(line, text, ROLE_COLUMNS - 2);
  put_share(line, one, "late_100us");
  put_share(line, one, "late_1ms");
  snprintf(text, sizeof text, "%s ms",
           quantity_text(largest, member_number(one, "largest_ns") / 1e6));
  line_right(line, text, SHARE_COLUMNS);
  line_end(line);
}

void hiccups_table(struct text_line *line, const json_t *document) {
  const json_t *all = json_object_get(document, "hiccups");
  if (json_array_size(all) == 0)
    return;
  fputs("\nthe machine by itself: messages at a steady rate that would wait for a processor\n"
        "that did nothing but look at the clock; this is in all tails\n",
        line->to);
  line_left(line, "", ROLE_COLUMNS);
  line_right(line, "longer than 0.1 ms", SHARE_COLUMNS);
  line_right(line, "than 1 ms", SHARE_COLUMNS);
  line_right(line, "longest", SHARE_COLUMNS);
  line_end(line);
  for (size_t i = 0; i < json_array_size(all); i++)
    put_row(line, json_array_get(all, i));
}
