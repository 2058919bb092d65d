/* SPDX-License-Identifier: MIT */
/*
 * idle_claims.h - published findings about connections that are open and silent.
 */
#ifndef EXPERIMENTS_IDLE_CLAIMS_H
#define EXPERIMENTS_IDLE_CLAIMS_H

#include "results/claims.h"

extern const struct claims idle_claims;

#endif
