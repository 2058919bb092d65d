/* SPDX-License-Identifier: MIT */
/*
 * replay.c - in place of libFuzzer: the inputs in the files and folders on the command line, one by
 * one. Words that begin with a dash are libFuzzer's options, and have no effect.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "parser.h"

enum {
  MOST = 1 << 20
};

static size_t replayed;

static void replay_file(const char *path) {
  FILE *file = fopen(path, "rb");
  char *room = malloc(MOST);
  ALWAYS(file && room);
  size_t size = fread(room, 1, MOST, file);
  fclose(file);
  printf("%s\n", path);
  fflush(stdout);
  uint8_t *exact = malloc(size ? size : 1); /* a sanitizer knows its end */
  ALWAYS(exact);
  memcpy(exact, room, size);
  free(room);
  LLVMFuzzerTestOneInput(exact, size);
  free(exact);
  replayed++;
}

static void replay(const char *path) {
  char name[4096];
  DIR *folder = opendir(path);
  if (!folder) {
    ALWAYS(errno == ENOTDIR);
    replay_file(path);
    return;
  }
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
    if (entry->d_name[0] != '.') {
      snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
      replay_file(name);
    }
  closedir(folder);
}

int main(int argc, char **argv) {
  LLVMFuzzerInitialize(&argc, &argv);
  for (int i = 1; i < argc; i++)
    if (argv[i][0] != '-')
      replay(argv[i]);
  ALWAYS(replayed > 0);
  printf("%zu inputs\n", replayed);
  return EXIT_SUCCESS;
}
