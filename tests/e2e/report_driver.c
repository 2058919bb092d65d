/* SPDX-License-Identifier: MIT */
/* report_driver FILE.json PAGE.html: the reports of a document, without the rest of bench. */
#include "bench.h"
#include "say.h"

int main(int argc, char *argv[]) {
  say_begin(argv[0]);
  json_error_t error;
  json_t *document = argc > 1 ? json_load_file(argv[1], 0, &error) : NULL;
  if (!document)
    return EXIT_USAGE;
  int r = EXIT_OK;
  if (argc > 2)
    r = report_html(document, argv[2]);
  else
    report_table(document, stdout);
  json_decref(document);
  return r;
}
