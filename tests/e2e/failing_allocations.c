/* SPDX-License-Identifier: MIT */
/*
 * failing_allocations.c - preloaded into a program: FAIL_COUNT allocations (default: one) fail,
 * starting with the FAIL_AT-th. Allocations of the C library are not counted, because it does not
 * survive the failure of every one.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *at, size_t size);

static atomic_long calls;
static long first = -1, count = 1;
static uintptr_t begin, end; /* of the program's own text */

static int find_program(struct dl_phdr_info *info, size_t size, void *arg) {
  (void)size, (void)arg;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
      continue;
    begin = info->dlpi_addr + part->p_vaddr;
    end = begin + part->p_memsz;
  }
  return 1; /* the first one is the program */
}

__attribute__((constructor)) static void start(void) {
  const char *at = getenv("FAIL_AT"), *times = getenv("FAIL_COUNT");
  dl_iterate_phdr(find_program, NULL);
  count = times ? atol(times) : 1;
  first = at ? atol(at) : -1;
}

static bool fails(const void *caller) {
  uintptr_t at = (uintptr_t)caller;
  if (first < 0 || at < begin || at >= end)
    return false;
  long number = atomic_fetch_add(&calls, 1);
  if (number < first || number >= first + count)
    return false;
  errno = ENOMEM;
  return true;
}

void *malloc(size_t size) {
  return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(number, size);
}

void *realloc(void *at, size_t size) {
  return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(at, size);
}
