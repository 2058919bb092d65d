/* SPDX-License-Identifier: MIT */
/*
 * outfile.c - a file written as a whole: the earlier one stays until then, and nothing is left over.
 */
#include "common/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

struct place {
  char folder[32], path[48];
};

static struct place make_place(void) {
  struct place place = {.folder = "/tmp/ioloop-outfile-XXXXXX"};
  CHECK(mkdtemp(place.folder));
  snprintf(place.path, sizeof place.path, "%s/file", place.folder);
  return place;
}

/* Only an empty folder can be removed. */
static void remove_place(const struct place *place) {
  CHECK_SYS(unlink(place->path));
  CHECK_SYS(rmdir(place->folder));
}

static void write_file(const struct place *place, const char *text, bool good) {
  struct outfile out;
  CHECK_OK(outfile_open(place->path, &out));
  CHECK(fcntl(fileno(out.file), F_GETFD) & FD_CLOEXEC);
  fputs(text, out.file);
  CHECK_IS(outfile_close(&out, good), ==, good ? 0 : -ECANCELED);
}

static void check_contents(const struct place *place, const char *text) {
  char found[32] = "";
  int error;
  FILE *file = outfile_read(place->path, &error);
  CHECK(file);
  CHECK(fgets(found, sizeof found, file));
  CHECK(strcmp(found, text) == 0);
  fclose(file);
}

TEST(1, "a file is replaced by one that is complete, and left by one that is not") {
  struct place place = make_place();
  write_file(&place, "one", true);
  check_contents(&place, "one");
  write_file(&place, "half", false);
  check_contents(&place, "one");
  write_file(&place, "two", true);
  check_contents(&place, "two");
  remove_place(&place);
}

TEST(2, "a check leaves nothing behind, and a device is written in place") {
  struct place place = make_place();
  CHECK_OK(outfile_check(place.path));
  CHECK(!outfile_exists(place.path));
  CHECK_IS(outfile_check(place.folder), ==, -EISDIR);
  CHECK_SYS(rmdir(place.folder));
  CHECK_IS(outfile_check(place.path), ==, -ENOENT);
  const struct place null = {.path = "/dev/null"};
  write_file(&null, "gone", true);
}

TEST(3, "two names of one file are the same, whether it exists or not") {
  struct place place = make_place();
  char other[64], further[64];
  snprintf(other, sizeof other, "%s/./file", place.folder);
  snprintf(further, sizeof further, "%s/further", place.folder);
  CHECK(outfile_same(place.path, other) && !outfile_same(place.path, further));
  write_file(&place, "one", true);
  CHECK(outfile_same(place.path, other) && !outfile_same(place.path, further));
  CHECK_SYS(link(place.path, further));
  CHECK(outfile_same(other, further));
  CHECK_SYS(unlink(further));
  CHECK(!outfile_same("-", "-") && !outfile_same("/dev/null", "/dev/null"));
  CHECK(!outfile_same("/nonexistent/file", "/nonexistent/file"));
  CHECK_IS(outfile_folder(place.path), ==, -ENOTDIR);
  CHECK_OK(outfile_folder(place.folder));
  remove_place(&place);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
