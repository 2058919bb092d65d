/* SPDX-License-Identifier: MIT */
/*
 * decode.c - the fields of a siginfo that came with F_SETSIG, by name: sigaction(2), fcntl(2).
 */
#include "decode.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>

static const struct {
  long bit;
  const char *name;
} bands[] = {
    {POLLIN, "IN"},         {POLLPRI, "PRI"},       {POLLOUT, "OUT"},       {POLLERR, "ERR"},
    {POLLHUP, "HUP"},       {POLLRDNORM, "RDNORM"}, {POLLRDBAND, "RDBAND"}, {POLLWRNORM, "WRNORM"},
    {POLLWRBAND, "WRBAND"}, {POLLMSG, "MSG"},
};

const char *decode_code(int code) {
  static char other[32];
  static const char *const names[] = {
      [POLL_IN] = "POLL_IN",   [POLL_OUT] = "POLL_OUT", [POLL_MSG] = "POLL_MSG",
      [POLL_ERR] = "POLL_ERR", [POLL_PRI] = "POLL_PRI", [POLL_HUP] = "POLL_HUP",
  };
  if (code == SI_KERNEL)
    return "SI_KERNEL";
  if (code > 0 && code < (int)(sizeof names / sizeof names[0]) && names[code])
    return names[code];
  snprintf(other, sizeof other, "code %d", code);
  return other;
}

const char *decode_band(long band, char *text, size_t size) {
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < sizeof bands / sizeof bands[0] && used < size; i++)
    if (band & bands[i].bit) {
      used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "", bands[i].name);
      band &= ~bands[i].bit;
    }
  if (band && used < size)
    snprintf(text + used, size - used, "%s0x%lx", used ? " " : "", (unsigned long)band);
  return text;
}
