/* SPDX-License-Identifier: MIT */
/* against.c - `bench against` as a program of its own, without the rest of the lab. */
#include "load/against.h"
#include "common/program.h"
#include "common/say.h"

int main(int argc, char **argv) {
  program_begin(argv[0]);
  return against_main(argc, argv);
}
