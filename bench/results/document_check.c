/* SPDX-License-Identifier: MIT */
/*
 * document_check.c - the structure of a document: docs/bench-schema.md as tables.
 *
 * A document may come from anywhere. Everything that reports, merging and comparing read has its
 * type here, so they need not report a member that is missing or wrong. Members that are not in the
 * tables may be anything, and so may the numbers of a histogram, which histogram_from_json() checks.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"

/* ---- the tables ----------------------------------------------------------------------------- */

enum {
  OBJECT = 1 << JSON_OBJECT,
  LIST = 1 << JSON_ARRAY,
  TEXT = 1 << JSON_STRING,
  INTEGER = 1 << JSON_INTEGER,
  NUMBER = INTEGER | 1 << JSON_REAL,
  BOOLEAN = 1 << JSON_TRUE | 1 << JSON_FALSE,
  NOTHING = 1 << JSON_NULL,
  MISSING = 1 << 8, /* it may be */
};

struct member {
  const char *name;
  unsigned types;
  unsigned entries;             /* the types of a list's entries; 0: any */
  const struct member *members; /* of an object, or of the objects in a list; NULL: any */
};

#define IS(name, types)                                                                            \
  { name, types, 0, NULL }
#define LIST_OF(name, entries, members)                                                            \
  { name, LIST, entries, members }
#define LIST_IF_ANY(name, entries, members)                                                        \
  { name, LIST | MISSING, entries, members }
#define OBJECT_OF(name, or_types, members)                                                         \
  { name, OBJECT | or_types, 0, members }
#define END                                                                                        \
  { NULL, 0, 0, NULL }

static const struct member ratio[] = {
    IS("median", NUMBER | NOTHING),
    IS("low", NUMBER | NOTHING),
    IS("high", NUMBER | NOTHING),
    IS("resolved", BOOLEAN),
    IS("chance", NUMBER | NOTHING | MISSING),
    END,
};
static const struct member judgement[] = {
    IS("rules", INTEGER),
    IS("busy", BOOLEAN),
    LIST_OF("reasons", TEXT, NULL),
    IS("differs", NUMBER | NOTHING),
    END,
};
static const struct member load[] = {
    IS("elapsed_ns", INTEGER),
    IS("steal", NUMBER | NOTHING),
    IS("others", NUMBER | NOTHING),
    END,
};
static const struct member absent[] = {
    IS("contestant", TEXT),
    IS("reason", TEXT),
    END,
};
static const struct member x_axis[] = {
    IS("label", TEXT),
    IS("log", BOOLEAN),
    END,
};
static const struct member point[] = {
    IS("id", TEXT), IS("label", TEXT), IS("group", TEXT), IS("x", NUMBER | NOTHING), END,
};
static const struct member metric[] = {
    IS("id", TEXT),
    IS("label", TEXT),
    IS("unit", TEXT),
    IS("better", TEXT),
    IS("primary", BOOLEAN),
    IS("counted", BOOLEAN | MISSING),
    END,
};
static const struct member figure[] = {
    IS("contestant", TEXT),
    IS("point", TEXT),
    IS("metric", TEXT),
    LIST_OF("values", NUMBER | NOTHING, NULL),
    IS("median", NUMBER | NOTHING),
    IS("low", NUMBER | NOTHING),
    IS("high", NUMBER | NOTHING),
    OBJECT_OF("ratio", NOTHING, ratio),
    END,
};
static const struct member again[] = {
    IS("point", TEXT),
    IS("metric", TEXT),
    LIST_OF("values", NUMBER | NOTHING, NULL),
    OBJECT_OF("ratio", NOTHING, ratio),
    END,
};
static const struct member histogram[] = {
    IS("contestant", TEXT),
    IS("point", TEXT),
    IS("histogram", OBJECT),
    END,
};
static const struct member failure[] = {
    IS("contestant", TEXT),
    IS("point", TEXT),
    IS("round", INTEGER),
    IS("reason", TEXT),
    IS("said", TEXT),
    IS("invalid", BOOLEAN),
    END,
};
static const struct member judged[] = {
    IS("contestant", TEXT),
    IS("beside", TEXT | NOTHING),
    IS("point", TEXT),
    OBJECT_OF("ratio", NOTHING, ratio),
    IS("seen", TEXT),
    IS("verdict", TEXT),
    END,
};
static const struct member claim[] = {
    IS("by", TEXT),
    IS("found", TEXT),
    IS("expected", TEXT),
    LIST_OF("about", TEXT, NULL),
    LIST_OF("beside", TEXT, NULL),
    IS("verdict", TEXT | MISSING),
    LIST_IF_ANY("judged", OBJECT, judged),
    END,
};
static const struct member claims[] = {
    IS("metric", TEXT),
    IS("threshold", NUMBER),
    IS("unjudged", TEXT | MISSING),
    LIST_OF("list", OBJECT, claim),
    END,
};
static const struct member experiment[] = {
    IS("name", TEXT),
    IS("title", TEXT),
    IS("redoes", TEXT),
    IS("method", TEXT),
    IS("parameters", OBJECT),
    IS("baseline", TEXT),
    LIST_OF("contestants", TEXT, NULL),
    LIST_OF("absent", OBJECT, absent),
    OBJECT_OF("x_axis", NOTHING, x_axis),
    LIST_OF("points", OBJECT, point),
    LIST_OF("metrics", OBJECT, metric),
    LIST_OF("figures", OBJECT, figure),
    LIST_OF("resolution", OBJECT, again),
    LIST_OF("histograms", OBJECT, histogram),
    LIST_OF("failures", OBJECT, failure),
    OBJECT_OF("claims", MISSING, claims),
    END,
};
static const struct member hiccup[] = {
    IS("role", TEXT),
    IS("processor", INTEGER | NOTHING),
    IS("watched_ns", INTEGER),
    IS("largest_ns", INTEGER),
    IS("late_100us", NUMBER),
    IS("late_1ms", NUMBER),
    END,
};
static const struct member environment[] = {
    IS("kernel", TEXT | MISSING),
    IS("cpu", TEXT | NOTHING | MISSING),
    IS("hypervisor", BOOLEAN | MISSING),
    IS("cores", INTEGER | MISSING),
    END,
};
static const struct member run[] = {
    IS("created", TEXT | NOTHING | MISSING),
    OBJECT_OF("environment", MISSING, environment),
    END,
};
static const struct member document_members[] = {
    IS("created", TEXT | MISSING),
    LIST_IF_ANY("command", TEXT, NULL),
    IS("seed", INTEGER | MISSING),
    OBJECT_OF("aliases", MISSING, NULL),
    IS("interrupted", BOOLEAN | MISSING),
    OBJECT_OF("environment", 0, environment),
    LIST_IF_ANY("hiccups", OBJECT, hiccup),
    OBJECT_OF("load", MISSING, load),
    OBJECT_OF("judgement", MISSING, judgement),
    LIST_OF("experiments", OBJECT, experiment),
    LIST_IF_ANY("merged", OBJECT, run),
    LIST_IF_ANY("differences", OBJECT, NULL),
    END,
};

/* ---- the check ------------------------------------------------------------------------------ */

/* The first one that applies; that a value may be null or missing is not named. */
static const char *word_for(unsigned types) {
  static const struct {
    unsigned types;
    const char *name;
  } words[] = {{OBJECT, "an object"},
               {LIST, "a list"},
               {TEXT, "text"},
               {1 << JSON_REAL, "a number"},
               {INTEGER, "a whole number"},
               {BOOLEAN, "true or false"}};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (words[i].types & types)
      return words[i].name;
  return "null";
}

static bool refuse(const json_t *value, unsigned types, char fault[FAULT_SIZE]) {
  size_t used = strlen(fault);
  if (!value)
    snprintf(fault + used, FAULT_SIZE - used, " is missing");
  else
    snprintf(fault + used, FAULT_SIZE - used, " is %s, not %s", word_for(1U << json_typeof(value)),
             word_for(types));
  return false;
}

static bool check_members(const json_t *object, const struct member *members,
                          char fault[FAULT_SIZE]);

/* `fault` holds the path of the value, which is extended, and cut again if the value is sound. */
static bool check(const json_t *value, const struct member *is, char fault[FAULT_SIZE]) {
  size_t used = strlen(fault);
  const struct member entry = {NULL, is->entries, 0, is->members};
  if (!value && is->types & MISSING)
    return true;
  if (!value || !(is->types & 1U << json_typeof(value)))
    return refuse(value, is->types, fault);
  for (size_t i = 0; is->entries && i < json_array_size(value); i++) {
    snprintf(fault + used, FAULT_SIZE - used, "[%zu]", i);
    if (!check(json_array_get(value, i), &entry, fault))
      return false;
    fault[used] = '\0';
  }
  return !is->members || !json_is_object(value) || check_members(value, is->members, fault);
}

static bool check_members(const json_t *object, const struct member *members,
                          char fault[FAULT_SIZE]) {
  size_t used = strlen(fault);
  for (; members->name; members++) {
    snprintf(fault + used, FAULT_SIZE - used, "%s%s", used ? "." : "", members->name);
    if (!check(json_object_get(object, members->name), members, fault))
      return false;
    fault[used] = '\0';
  }
  return true;
}

bool document_check(const json_t *document, char fault[FAULT_SIZE]) {
  *fault = '\0';
  return check_members(document, document_members, fault);
}
