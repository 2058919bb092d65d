/* SPDX-License-Identifier: MIT */
/* against.c - `bench against` as a program of its own, without the rest of the lab. */
#include "../../bench/load/against.h"
#include "../../src/programs/program.h"
#include "../../src/programs/say.h"

int main(int argc, char **argv) {
  program_begin(argv[0]);
  return against_main(argc, argv);
}
