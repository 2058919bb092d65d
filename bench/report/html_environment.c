/* SPDX-License-Identifier: MIT */
/*
 * html_environment.c - the page's section on the machine that was measured.
 */
#include "html.h"

#include <stdlib.h>

static void put_value(struct page *page, const json_t *value);

static void put_members(struct page *page, json_t *object) {
  const char *name;
  json_t *value;
  const char *between = "";
  json_object_foreach(object, name, value) {
    html_print(page->to, "%s<span class=\"member\">%s</span> ", between, name);
    put_value(page, value);
    between = ", ";
  }
}

static void put_value(struct page *page, const json_t *value) {
  if (json_is_string(value)) {
    html_print(page->to, "%s", json_string_value(value));
  } else if (json_is_object(value) && json_object_size(value) > 0) {
    put_members(page, (json_t *)value);
  } else if (json_is_boolean(value)) {
    html_print(page->to, "%s", json_is_true(value) ? "yes" : "no");
  } else if (json_is_number(value)) {
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    html_print(page->to, "%s", text ? text : "");
    free(text);
  } else {
    html_print(page->to, "–");
  }
}

static void put_row(struct page *page, const char *label, const json_t *value) {
  html_print(page->to, "<tr><th scope=\"row\">%s</th><td", label);
  html_attribute(page->to, "data-environment", value);
  fputc('>', page->to);
  put_value(page, value);
  fputs("</td></tr>\n", page->to);
}

void html_environment(struct page *page) {
  static const char *const rows[][2] = {
      {"cpu", "Processor"},
      {"cores", "Cores"},
      {"hypervisor", "Virtual machine"},
      {"governor", "Frequency governor"},
      {"memory_bytes", "Memory, bytes"},
      {"kernel", "Kernel"},
      {"machine", "Architecture"},
      {"pinning", "Pinned to processor"},
      {"mitigations", "Mitigations"},
      {"limits", "Limits"},
      {"ioloop", "ioloop"},
      {"compiler", "Compiler"},
      {"flags", "Flags"},
      {"libraries", "Libraries"},
  };
  json_t *environment = json_object_get(page->document, "environment");
  fputs("<section id=\"machine\"><h2>The machine</h2>\n"
        "<div class=\"wide\"><table class=\"plain\"><tbody>\n",
        page->to);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    put_row(page, rows[i][1], json_object_get(environment, rows[i][0]));
  fputs("</tbody></table></div></section>\n", page->to);
}
