/* SPDX-License-Identifier: MIT */
/*
 * cli.c - command lines: what is accepted, and that an error changes nothing.
 */
#include "common/cli.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/say.h"
#include "tap.h"

static const char *const colours[] = {"red", "green", NULL};

struct values {
  bool flag;
  const char *text, *name;
  uint64_t number, time, every;
  int colour;
  const char *arguments[16];
  size_t count;
};

/* The error message goes to a pipe: every check of an error also checks that it is one line. */
static void check_one_line(int fd) {
  char line[4096];
  ssize_t size = read(fd, line, sizeof line);
  CHECK(size > 0 && memchr(line, '\n', (size_t)size) == line + size - 1);
}

#define AT(field) offsetof(struct values, field)

static const struct cli_option table[] = {
    CLI_FLAG("flag", AT(flag), ""),
    CLI_ANY_TEXT("text", "S", AT(text), ""),
    CLI_TEXT("name", "S", AT(name), ""),
    CLI_NUMBER("number", "N", AT(number), 1, 100, ""),
    CLI_SECONDS("time", "SEC", AT(time), 0, 1000 * NS_PER_SECOND, ""),
    CLI_OPTIONAL_SECONDS("every", "SEC", AT(every), 0, 1000 * NS_PER_SECOND, 5, ""),
    CLI_CHOICE("colour", "C", AT(colour), colours, ""),
    CLI_END,
};

static int parse(struct values *values, const char *const *words) {
  struct cli cli = {
      .options = table, .into = values, .argument = "ARGUMENT", .arguments = values->arguments};
  char *argv[16] = {"test"};
  int argc = 1;
  for (; words[argc - 1]; argc++)
    argv[argc] = (char *)(uintptr_t)words[argc - 1];
  int ends[2], saved = SYS(dup(2));
  CHECK_SYS(pipe(ends));
  CHECK_SYS(dup2(ends[1], 2));
  close(ends[1]);
  int result = cli_parse(&cli, argc, argv);
  CHECK_SYS(dup2(saved, 2));
  close(saved);
  if (result == EXIT_USAGE)
    check_one_line(ends[0]);
  close(ends[0]);
  values->count = cli.argument_count;
  return result;
}

#define PARSE(values, ...) parse(&(values), (const char *const[]){__VA_ARGS__, NULL})
#define REFUSED(...)                                                                               \
  do {                                                                                             \
    struct values none = {.number = 7};                                                            \
    CHECK_IS(PARSE(none, __VA_ARGS__), ==, EXIT_USAGE);                                            \
    CHECK(none.number == 7 && none.time == 0 && none.colour == 0 && !none.flag);                   \
  } while (0)

TEST(1, "options with = and with the next word, mixed with arguments") {
  struct values values = {.number = 0};
  CHECK_OK(PARSE(values, "one", "--number=42", "--text", "--flag", "--colour=green", "two"));
  CHECK_IS(values.number, ==, 42);
  CHECK_IS(values.colour, ==, 1);
  CHECK(strcmp(values.text, "--flag") == 0 && !values.flag);
  CHECK(values.count == 2 && strcmp(values.arguments[1], "two") == 0);
}

TEST(2, "after -- everything is an argument; a lone - is one; the last of two wins") {
  struct values values = {.number = 0};
  CHECK_OK(PARSE(values, "-", "--number=1", "--number=2", "--", "--flag", "--"));
  CHECK_IS(values.number, ==, 2);
  CHECK(!values.flag);
  CHECK(values.count == 3 && strcmp(values.arguments[1], "--flag") == 0);
}

TEST(3, "seconds are decimal, exact to the nanosecond") {
  struct values values = {.number = 0};
  CHECK_OK(PARSE(values, "--time=0.25"));
  CHECK_IS(values.time, ==, NS_PER_SECOND / 4);
  CHECK_OK(PARSE(values, "--time=.000000001"));
  CHECK_IS(values.time, ==, 1);
  CHECK_OK(PARSE(values, "--time=1000."));
  CHECK_IS(values.time, ==, 1000 * NS_PER_SECOND);
}

TEST(4, "an optional value is never taken from the next word") {
  struct values values = {.number = 0};
  CHECK_OK(PARSE(values, "--every", "7"));
  CHECK_IS(values.every, ==, 5);
  CHECK_IS(values.count, ==, 1);
  CHECK_OK(PARSE(values, "--every=7"));
  CHECK_IS(values.every, ==, 7 * NS_PER_SECOND);
}

TEST(5, "numbers that are none, or out of range") {
  REFUSED("--number=0");
  REFUSED("--number=101");
  REFUSED("--number=-1");
  REFUSED("--number=+1");
  REFUSED("--number= 1");
  REFUSED("--number=0x1");
  REFUSED("--number=1k");
  REFUSED("--number=");
  REFUSED("--number");
  REFUSED("--number=18446744073709551617");
}

TEST(6, "seconds that are none, or out of range") {
  REFUSED("--time=-1");
  REFUSED("--time=.");
  REFUSED("--time=");
  REFUSED("--time=1e3");
  REFUSED("--time=nan");
  REFUSED("--time=inf");
  REFUSED("--time=1.2.3");
  REFUSED("--time=0.0000000001");
  REFUSED("--time=1000.000000001");
  REFUSED("--time=99999999999999999999");
}

TEST(7, "options that do not exist, abbreviations, values of flags, names that are empty") {
  REFUSED("--nope");
  REFUSED("--numbe=1");
  REFUSED("--=1");
  REFUSED("-n");
  REFUSED("--flag=yes");
  REFUSED("--colour=blue");
  REFUSED("--colour=");
  REFUSED("--name=");
  REFUSED("--bad\nname\x1b[31m");
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
