/* SPDX-License-Identifier: MIT */
/* verdict.c - see verdict.h. */
#include "verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/claims.h"
#include "view.h"

/* ---- text ---------------------------------------------------------------------------------------- */

/* A sentence that is being written. */
struct sentence {
  FILE *to;
  char *text;
  size_t size;
};

static bool begin(struct sentence *sentence) {
  *sentence = (struct sentence){.text = NULL};
  sentence->to = open_memstream(&sentence->text, &sentence->size);
  return sentence->to != NULL;
}

/* Append it, unless there are enough. Text that is cut in a character is no JSON and is left out. */
static void end(struct sentence *sentence, json_t *sentences) {
  if (fclose(sentence->to) == 0 && json_array_size(sentences) < VERDICT_SENTENCES)
    json_array_append_new(sentences, json_string(sentence->text));
  free(sentence->text);
}

static const char *times(char to[QUANTITY_SIZE], double ratio) {
  return digits_text(to, ratio, 2);
}

/* ---- one point of a metric ----------------------------------------------------------------------- */

struct place {
  const struct view *view;
  size_t metric, point;
};

static const json_t *ratio_of(const struct place *at, size_t contestant) {
  const json_t *figure = view_figure(at->view, contestant, at->point, at->metric);
  return json_object_get(figure, "ratio");
}

static bool is_resolved(const struct place *at, size_t contestant) {
  return json_is_true(json_object_get(ratio_of(at, contestant), "resolved"));
}

static double factor_of(const struct place *at, size_t contestant) {
  return member_number(ratio_of(at, contestant), "median");
}

/* A count that differs by less is the same for a reader. */
#define WORTH_NAMING 0.02

static bool is_worth_naming(const struct place *at, size_t contestant) {
  return fabs(log(factor_of(at, contestant))) > WORTH_NAMING;
}

static bool is_peer(const struct place *at, size_t contestant) {
  return strncmp(view_contestant(at->view, contestant), "peer:", strlen("peer:")) == 0;
}

/* The resolved models (not peers) whose ratio is the farthest from 1 come first. Returns how many
 * there are. */
static size_t farthest_models(const struct place *at, size_t *ret) {
  size_t count = 0;
  for (size_t i = 0; i < at->view->contestants; i++) {
    if (is_peer(at, i) || !is_resolved(at, i) || !is_worth_naming(at, i))
      continue;
    size_t to = count++;
    for (; to > 0 && fabs(log(factor_of(at, ret[to - 1]))) < fabs(log(factor_of(at, i))); to--)
      ret[to] = ret[to - 1];
    ret[to] = i;
  }
  return count;
}

/* The same kernel interface, written by hand. */
static size_t by_hand(const struct view *view, const char *model) {
  static const char *const pairs[][2] = {
      {"io_uring", "peer:liburing"}, {"epoll", "peer:epoll"}, {"libevent", "peer:event"}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    if (strcmp(pairs[i][0], model) == 0)
      return view_find(view, pairs[i][1]);
  return view->contestants;
}

/* Without the peer it is unknown whose the difference is: then nothing is added. */
static void put_whose(struct sentence *to, const struct place *at, size_t model) {
  size_t peer = by_hand(at->view, view_contestant(at->view, model));
  char text[QUANTITY_SIZE];
  if (peer == at->view->contestants || !ratio_of(at, peer) || peer == at->view->baseline)
    return;
  double own = factor_of(at, model), other = factor_of(at, peer);
  if (is_resolved(at, peer) && (own > 1) == (other > 1))
    fprintf(to->to, " (and %s, written by hand, %s ×: the kernel's, not ours)",
            view_contestant(at->view, peer), times(text, other));
  else
    fprintf(to->to, " (but not %s, written by hand: ours, not the kernel's)",
            view_contestant(at->view, peer));
}

static void put_models(struct sentence *to, const struct place *at, const size_t *models,
                       size_t count) {
  char text[QUANTITY_SIZE];
  for (size_t i = 0; i < count; i++) {
    fprintf(to->to, "%s%s %s ×", i == 0 ? "" : ", ", view_contestant(at->view, models[i]),
            times(text, factor_of(at, models[i])));
    if (i == 0)
      fprintf(to->to, " that of %s", member_text(at->view->experiment, "baseline"));
    put_whose(to, at, models[i]);
  }
}

/* The baseline's own model, written by hand: what the library adds. */
static void put_own_cost(struct sentence *to, const struct place *at) {
  size_t peer = by_hand(at->view, member_text(at->view->experiment, "baseline"));
  char text[QUANTITY_SIZE];
  if (peer < at->view->contestants && is_resolved(at, peer) && is_worth_naming(at, peer))
    fprintf(to->to, "; %s, the same by hand, %s ×", view_contestant(at->view, peer),
            times(text, factor_of(at, peer)));
}

/* ---- sentences ----------------------------------------------------------------------------------- */

enum {
  MODELS_NAMED = 3
};

static void put_title(struct sentence *to, const struct place *at) {
  char label[LABEL_SIZE];
  if (!metric_counted(view_metric(at->view, at->metric)))
    fprintf(to->to, "%s: ", member_text(at->view->experiment, "title"));
  fprintf(to->to, "%s (%s): ", member_text(view_metric(at->view, at->metric), "label"),
          view_label(at->view, at->point, label));
}

/* "3", "3.06", "1,150": without digits that say nothing. */
static const char *count_text(char to[QUANTITY_SIZE], double count) {
  if (count < 1000)
    snprintf(to, QUANTITY_SIZE, "%.3g", count);
  else
    quantity_text(to, count);
  return to;
}

/* "epoll 3, io_uring 1, sigio 5": counts are figures of their own. */
static void put_counts(struct sentence *to, const struct place *at, const size_t *models,
                       size_t count) {
  char text[QUANTITY_SIZE];
  const json_t *base = view_figure(at->view, at->view->baseline, at->point, at->metric);
  fprintf(to->to, "%s %s", member_text(at->view->experiment, "baseline"),
          count_text(text, member_number(base, "median")));
  for (size_t i = 0; i < count; i++) {
    const json_t *figure = view_figure(at->view, models[i], at->point, at->metric);
    fprintf(to->to, ", %s %s", view_contestant(at->view, models[i]),
            count_text(text, member_number(figure, "median")));
  }
}

/* At the point where most models differ, or nothing if none does anywhere. */
static struct place most_telling(const struct view *view, size_t metric, size_t *models,
                                 size_t *ret_count) {
  struct place best = {view, metric, 0};
  *ret_count = 0;
  for (size_t point = 0; point < view->points; point++) {
    struct place here = {view, metric, point};
    size_t count = farthest_models(&here, models);
    if (count > *ret_count) {
      best = here;
      *ret_count = count;
    }
  }
  farthest_models(&best, models);
  return best;
}

/* True: it said something. */
static bool say_metric(const struct view *view, size_t metric, json_t *sentences) {
  size_t *models = calloc(view->contestants + 1, sizeof *models), count = 0;
  struct sentence to;
  struct place at = {view, metric, 0};
  if (models)
    at = most_telling(view, metric, models, &count);
  bool counted = metric_counted(view_metric(view, metric));
  bool put = count > 0 && begin(&to);
  if (put) {
    size_t named = counted || count < MODELS_NAMED ? count : MODELS_NAMED;
    put_title(&to, &at);
    if (counted)
      put_counts(&to, &at, models, named);
    else
      put_models(&to, &at, models, named);
    put_own_cost(&to, &at);
    fputs(counted ? "; the same on any machine." : ".", to.to);
    end(&to, sentences);
  }
  free(models);
  return put;
}

/* Is a member of the claims' judged entries the first about its contestant? */
static bool is_first(const json_t *list, size_t claim, size_t entry, const char *name) {
  for (size_t i = 0; i <= claim; i++) {
    const json_t *judged = json_object_get(json_array_get(list, i), "judged");
    size_t until = i < claim ? json_array_size(judged) : entry;
    for (size_t k = 0; k < until; k++)
      if (strcmp(member_text(json_array_get(judged, k), "contestant"), name) == 0 &&
          !*member_text(json_array_get(judged, k), "beside"))
        return false;
  }
  return true;
}

/* "select 4.2 ×, poll 3.1 ×": all that were seen to do that. Returns how many. */
static size_t put_seen(FILE *to, const json_t *list, const char *seen) {
  size_t count = 0;
  char text[QUANTITY_SIZE];
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *judged = json_object_get(json_array_get(list, i), "judged");
    for (size_t k = 0; k < json_array_size(judged); k++) {
      const json_t *one = json_array_get(judged, k);
      const char *name = member_text(one, "contestant");
      if (strcmp(member_text(one, "seen"), seen) != 0 || !is_first(list, i, k, name))
        continue;
      fprintf(to, "%s%s %s ×", count++ > 0 ? ", " : "", name,
              times(text, member_number(json_object_get(one, "ratio"), "median")));
    }
  }
  return count;
}

static bool say_claims(const json_t *experiment, json_t *sentences) {
  const json_t *claims = json_object_get(experiment, "claims");
  const json_t *list = json_object_get(claims, "list");
  struct sentence rises, flat, whole;
  if (!json_is_object(claims) || !begin(&rises))
    return false;
  size_t rising = put_seen(rises.to, list, CLAIM_RISES);
  fclose(rises.to);
  size_t level = 0;
  bool ready = begin(&flat);
  if (ready) {
    level = put_seen(flat.to, list, CLAIM_FLAT);
    fclose(flat.to);
  }
  bool put = ready && rising + level > 0 && begin(&whole);
  if (put) {
    fprintf(whole.to, "%s: %s from none to most %s", member_text(experiment, "title"),
            member_text(metric_of(experiment, claims), "label"),
            member_text(json_object_get(experiment, "x_axis"), "label"));
    fprintf(whole.to, "%s%s", rising ? " rises: " : "", rising ? rises.text : "");
    fprintf(whole.to, "%s%s.", level ? (rising ? "; is flat: " : " is flat: ") : "",
            level ? flat.text : "");
    end(&whole, sentences);
  }
  free(rises.text);
  free(ready ? flat.text : NULL);
  return put;
}

/* Each primary metric of a counted experiment; of others the claims, or the first metric that has
 * something to say. */
static void say_experiment(const json_t *experiment, bool counted, json_t *sentences) {
  struct view view;
  if (view_open(&view, experiment) != 0)
    return;
  bool said = !counted && say_claims(experiment, sentences);
  for (size_t metric = 0; metric < view.metrics && !(said && !counted); metric++)
    if (view_primary(&view, metric) && metric_counted(view_metric(&view, metric)) == counted)
      said |= say_metric(&view, metric, sentences);
  view_close(&view);
}

/* How much of all that was compared is resolved, for what the other sentences do not say. */
static void say_rest(const json_t *document, json_t *sentences) {
  const json_t *experiments = json_object_get(document, "experiments");
  size_t all = 0, resolved = 0;
  struct sentence to;
  for (size_t i = 0; i < json_array_size(experiments); i++) {
    const json_t *experiment = json_array_get(experiments, i);
    const json_t *figures = json_object_get(experiment, "figures");
    for (size_t k = 0; k < json_array_size(figures); k++) {
      const json_t *figure = json_array_get(figures, k), *metric = metric_of(experiment, figure);
      const json_t *ratio = json_object_get(figure, "ratio");
      if (!json_is_object(ratio) || metric_counted(metric) ||
          !json_is_true(json_object_get(metric, "primary")))
        continue;
      all++;
      resolved += json_is_true(json_object_get(ratio, "resolved")) ? 1 : 0;
    }
  }
  if (all == 0 || !begin(&to))
    return;
  fprintf(to.to,
          "Of %zu timed comparisons %zu are resolved; between the others no difference was "
          "found that exceeds this machine's noise.",
          all, resolved);
  end(&to, sentences);
}

json_t *verdict_sentences(const json_t *document) {
  const json_t *experiments = json_object_get(document, "experiments");
  json_t *sentences = json_array();
  bool busy = json_is_true(json_object_get(json_object_get(document, "judgement"), "busy"));
  for (size_t i = 0; i < json_array_size(experiments); i++)
    say_experiment(json_array_get(experiments, i), true, sentences);
  for (size_t i = 0; !busy && i < json_array_size(experiments); i++) {
    if (json_array_size(sentences) == VERDICT_SENTENCES - 1)
      break; /* the last one is for the rest */
    say_experiment(json_array_get(experiments, i), false, sentences);
  }
  if (!busy)
    say_rest(document, sentences);
  return sentences;
}
