/* SPDX-License-Identifier: MIT */
/*
 * fuzz_shrink.c - delta debugging (Zeller and Hildebrandt, "Simplifying and isolating
 * failure-inducing input", 2002): remove halves of the script, then quarters, down to single
 * lines, as long as it fails in the same way; then make the arguments small.
 *
 * Scripts depend on time a little, so a failure may not come each time. One that comes in a part of
 * the attempts is tried that much more often before a removal is given up.
 */
#include <string.h>

#include "fuzz.h"

enum {
  HANG_SECONDS = 2,
};

struct shrinking {
  const struct fuzz *fuzz;
  const char *backend;
  struct fuzz_result *result; /* of the smallest so far */
  uint64_t deadline;
  unsigned attempts; /* of each candidate */
  unsigned tried;
};

static bool is_over(const struct shrinking *shrinking) {
  return fuzz_now() >= shrinking->deadline;
}

static bool fails(struct shrinking *shrinking, const struct fuzz_script *candidate) {
  struct fuzz_result result;
  for (unsigned i = 0; i < shrinking->attempts && !is_over(shrinking); i++) {
    shrinking->tried++;
    fuzz_try(shrinking->fuzz, candidate, shrinking->backend, false, false, &result);
    if (result.failed && strcmp(result.kind, shrinking->result->kind) == 0) {
      *shrinking->result = result;
      return true;
    }
  }
  return false;
}

static void replace(struct fuzz_script *script, struct fuzz_script *by) {
  fuzz_script_free(script);
  *script = *by;
}

static bool remove_lines(struct shrinking *shrinking, struct fuzz_script *script, size_t first,
                         size_t count) {
  struct fuzz_script candidate = fuzz_script_copy(script);
  size_t behind = first + count < candidate.count ? first + count : candidate.count;
  memmove(&candidate.lines[first], &candidate.lines[behind],
          (candidate.count - behind) * sizeof candidate.lines[0]);
  candidate.count -= behind - first;
  /* Its room is that of the longer script, which a copy has not. */
  struct fuzz_script copy = fuzz_script_copy(&candidate);
  fuzz_script_free(&candidate);
  bool still = fails(shrinking, &copy);
  if (still)
    replace(script, &copy);
  else
    fuzz_script_free(&copy);
  return still;
}

/* From the end: what comes after the failure goes first. */
static bool remove_parts(struct shrinking *shrinking, struct fuzz_script *script, size_t size) {
  bool removed = false;
  for (size_t end = script->count; end > 0 && !is_over(shrinking);) {
    size_t first = end > size ? end - size : 0;
    removed |= remove_lines(shrinking, script, first, end - first);
    end = first;
  }
  return removed;
}

static bool simplify(struct shrinking *shrinking, struct fuzz_script *script, size_t line,
                     unsigned arg) {
  static const uint32_t divisors[] = {0, 16384, 1024, 64, 8, 2};
  uint32_t *value = &script->lines[line].args[arg], before = *value;
  for (size_t i = 0; i < sizeof divisors / sizeof divisors[0] && before; i++) {
    uint32_t candidate = divisors[i] ? before / divisors[i] : 0;
    if (candidate == 0 && i > 0)
      continue;
    *value = candidate;
    if (fails(shrinking, script))
      return true;
    *value = before;
  }
  return false;
}

static void simplify_all(struct shrinking *shrinking, struct fuzz_script *script) {
  for (size_t line = 0; line < script->count; line++) {
    unsigned args = shrinking->fuzz->operations[script->lines[line].operation].args;
    for (unsigned arg = 0; arg < args && !is_over(shrinking); arg++)
      while (simplify(shrinking, script, line, arg))
        continue;
  }
}

static void remove_all(struct shrinking *shrinking, struct fuzz_script *script) {
  bool removed = true;
  while (removed && !is_over(shrinking)) {
    removed = false;
    for (size_t size = (script->count + 1) / 2; size > 0; size /= 2)
      removed |= remove_parts(shrinking, script, size);
  }
}

unsigned fuzz_shrink(const struct fuzz *fuzz, struct fuzz_script *script, const char *backend,
                     struct fuzz_result *result, uint64_t deadline) {
  struct fuzz quick = *fuzz; /* a hang is waited for each time */
  if (strcmp(result->kind, "hang") == 0)
    quick.seconds = HANG_SECONDS;
  struct shrinking shrinking = {
      .fuzz = &quick, .backend = backend, .result = result, .deadline = deadline, .attempts = 1};
  unsigned often = 0;
  for (int i = 0; i < 5; i++)
    often += fails(&shrinking, script);
  if (often == 0) {
    shrinking.attempts = 20;
    if (!fails(&shrinking, script))
      return 0;
  }
  shrinking.attempts = often == 5 ? 1 : often >= 3 ? 4 : often ? 8 : 30;

  remove_all(&shrinking, script);
  simplify_all(&shrinking, script);
  remove_all(&shrinking, script);
  return shrinking.tried;
}
