/* SPDX-License-Identifier: MIT */
/* client_options.c - the client's command line: its values are in their ranges, or one line says
 * what is wrong. The words of an input are its lines. */
#include "parser.h"

#include "client/client.h"
#include "common/clock.h"
#include "common/say.h"

static void check_values(const struct client_options *options, const struct words *words) {
  ALWAYS(options->tcp != options->udp && *options->host);
  ALWAYS(options->port >= 1 && options->port <= 65535);
  ALWAYS(options->count >= 1 && options->count <= 1000000000);
  ALWAYS(options->concurrency >= 1 && options->concurrency <= 100000);
  ALWAYS(options->timeout_ns >= NS_PER_MS && options->timeout_ns <= 1000000 * NS_PER_SECOND);
  ALWAYS(options->message_count < (size_t)words->argc);
  const char *const *next = (const char *const *)words->argv + 1;
  for (size_t i = 0; i < options->message_count; i++) {
    while (*next && *next != options->messages[i])
      next++; /* each is a word, in their order */
    ALWAYS(*next);
    ALWAYS(*options->messages[i] || !options->raw || options->udp);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static char program[] = "client";
  const char *messages[MOST_WORDS + 2];
  struct words words = words_of(program, data, size);
  struct client_options options = {.messages = messages};
  parser_collect();
  int error = options_parse(words.argc, words.argv, &options);
  struct printed printed = parser_printed();
  ALWAYS(error == 0 || error == EXIT_USAGE);
  ALWAYS(printed.out_size == 0 && has_complaints(&printed, program, error ? 1 : 0));
  if (!error)
    check_values(&options, &words);
  words_free(&words);
  return 0;
}
