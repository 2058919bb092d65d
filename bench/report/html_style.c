/* SPDX-License-Identifier: MIT */
/*
 * html_style.c - the page's style sheet: light and dark by the reader's preference, and for paper.
 *
 * --c0 to --c7 are the series' colours (plot.h has the light ones), which colour-blind people can
 * distinguish on either background; blue to orange is the diverging scale of ratios.
 */
#include "page.h"

static const char *const style[] = {
    ":root{color-scheme:light dark;--page:#fcfcfa;--card:#fff;--text:#1d2127;--soft:#5b636e;",
    "--line:#dcdfe3;--grid:#d9dce0;--neutral:#707780;--accent:#00609a;--code:#f1f2f0;--same:#"
    "e9eaec;",
    "--c0:#0072b2;--c1:#d55e00;--c2:#00875f;--c3:#a8478f;--c4:#a87400;--c5:#2f9cc4;--c6:#3d4450;",
    "--c7:#6a51c7;--better-1:#deebf7;--better-2:#b3d3ec;--better-3:#6aaede;--better-4:#1c6fb3;",
    "--worse-1:#fdebd7;--worse-2:#fdcf9f;--worse-3:#f9a14f;--worse-4:#b84e00;--strong:#fff}\n",
    "@media(prefers-color-scheme:dark){:root{--page:#14171b;--card:#1b1f25;--text:#e6e7e4;",
    "--soft:#a0a8b2;--line:#343a43;--grid:#363c45;--neutral:#969ea9;--accent:#7cc0f2;--code:#"
    "22272e;",
    "--same:#2a2f36;--c0:#56b4e9;--c1:#f5894a;--c2:#2bbf94;--c3:#dd8ec0;--c4:#e6b422;--c5:#8fe0f5;",
    "--c6:#cfd4dc;--c7:#a698f5;--better-1:#1b2f42;--better-2:#1d466b;--better-3:#22659e;",
    "--better-4:#56b4e9;--worse-1:#3a2a1c;--worse-2:#5c3b1a;--worse-3:#8f5315;--worse-4:#f5a04a;",
    "--strong:#101317}}\n",
    "*{box-sizing:border-box}html{scroll-behavior:smooth}\n",
    "body{margin:0;padding:3rem 2rem 6rem;background:var(--page);color:var(--text);",
    "font:16px/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",\"Liberation Sans\",",
    "\"DejaVu Sans\",sans-serif}\n",
    "p,h1,h2{text-wrap:pretty}time{white-space:nowrap}header,nav,main{max-width:1180px;margin:0 "
    "auto}\n",
    "h1{font-size:2.5rem;line-height:1.1;letter-spacing:-.02em;margin:0 0 1.5rem}\n",
    "h2{font-size:1.65rem;line-height:1.2;letter-spacing:-.01em;margin:0 0 .75rem}\n",
    "h2 "
    "code{font-size:.95rem;font-weight:400;color:var(--soft);background:none;letter-spacing:0}\n",
    "h3{font-size:1.1rem;margin:2rem 0 .5rem}p{max-width:76ch;margin:0 0 1rem}\n",
    ".kicker{color:var(--soft);margin:0 0 .5rem;font-size:.95rem}.lead{font-size:1.2rem;",
    "max-width:66ch}\na{color:var(--accent);text-underline-offset:.15em}\n",
    "nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.4rem 1.5rem;padding:1rem 0;",
    "margin:2rem 0 0;border-block:1px solid var(--line)}\n",
    "section{margin-top:4rem}section.experiment{border-top:1px solid "
    "var(--line);padding-top:3rem}\n",
    ".reproduces,.resolution,.parameters{color:var(--soft)}.parameters{font-size:.9rem;max-width:"
    "none}"
    "\n",
    ".member{color:var(--soft)}small{font-size:.85em;font-weight:400;color:var(--soft)}\n",
    ".note{border-left:4px solid var(--c1);background:var(--card);padding:.75rem 1rem;",
    "max-width:76ch}\n",
    "code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,\"Liberation Mono\",",
    "\"DejaVu Sans Mono\",monospace;font-size:.875rem}code{background:var(--code);padding:.1em "
    ".3em;",
    "border-radius:3px}\n",
    "pre{background:var(--code);padding:.75rem 1rem;border-radius:6px;white-space:pre-wrap;",
    "overflow-wrap:anywhere;margin:.5rem 0 1rem}\n",
    ".wide{overflow-x:auto;margin:0 0 1.5rem}table{border-collapse:collapse;",
    "font-variant-numeric:tabular-nums}\n",
    "caption{text-align:left;font-weight:600;padding:0 0 .5rem;white-space:nowrap}\n",
    "th{text-align:left;font-weight:500;vertical-align:top}\n",
    ".plain th,.plain td{padding:.3rem 1.5rem .3rem 0;border-bottom:1px solid var(--line);",
    "vertical-align:top;overflow-wrap:anywhere}.plain th{white-space:nowrap;color:var(--soft)}\n",
    ".figures{font-size:.9rem;line-height:1.35}.figures th,.figures td{padding:.4rem .75rem;",
    "border-bottom:1px solid var(--line)}\n",
    ".figures td,.figures thead th+th{text-align:right;white-space:nowrap}\n",
    ".figures thead th{color:var(--soft);border-bottom:2px solid "
    "var(--line);vertical-align:bottom;",
    "white-space:normal;max-width:10rem}.figures th:first-child{padding-left:0;min-width:8rem}\n",
    ".square{display:grid;grid-template-columns:minmax(5.5rem,1fr) 5.2rem;justify-items:end;",
    "align-items:baseline}.value{font-weight:600}.interval{font-size:.8rem;color:var(--soft)}\n",
    ".ratio{font-size:.85rem;padding:.05rem .4em;border-radius:3px;margin-right:-.4em}",
    ".interval+.interval{padding-left:.5rem}.baseline{background:var(--card)}",
    ".again{color:var(--soft)}\n",
    ".heat{border-collapse:separate;border-spacing:2px;font-size:.82rem;line-height:1.2}\n",
    ".heat thead th{height:8.5rem;vertical-align:bottom;text-align:center;padding:0 0 .4rem}",
    ".heat thead th span{writing-mode:vertical-rl;transform:rotate(180deg);white-space:nowrap}\n",
    ".heat tbody th{padding:.3rem .75rem .3rem 0;white-space:nowrap;vertical-align:middle}\n",
    ".heat .group th{font-weight:600;font-size:.95rem;padding-top:1.1rem;white-space:normal}\n",
    ".heat td{min-width:3.2rem;text-align:center;padding:.4rem .2rem;border-radius:3px;",
    "white-space:nowrap}.heat thead td{min-width:0}\n",
    ".base{border:1px solid var(--line);color:var(--soft)}.none{color:var(--soft)}\n",
    ".same,.other{background:var(--same);color:var(--soft)}\n",
    ".better-1{background:var(--better-1)}.better-2{background:var(--better-2)}",
    ".better-3{background:var(--better-3)}.better-4{background:var(--better-4);color:var(--strong)}"
    "\n",
    ".worse-1{background:var(--worse-1)}.worse-2{background:var(--worse-2)}",
    ".worse-3{background:var(--worse-3)}.worse-4{background:var(--worse-4);color:var(--strong)}\n",
    ".scale{display:flex;flex-wrap:wrap;gap:2px;font-size:.82rem;max-width:none}",
    ".scale span{padding:.25rem .7rem;border-radius:3px}\n",
    "figure{margin:1.75rem 0;background:var(--card);border:1px solid "
    "var(--line);border-radius:8px;",
    "padding:1rem 1.25rem;break-inside:avoid}figcaption{color:var(--soft);margin-bottom:.5rem;",
    "font-size:.95rem}figcaption strong{color:var(--text);font-weight:600}\n",
    ".plot svg{display:block;max-width:100%;height:auto;color:var(--text);font-family:inherit}",
    ".plot text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",",
    "\"Liberation Sans\",\"DejaVu Sans\",sans-serif}\n",
    ".multiples{display:grid;grid-template-columns:repeat(auto-fill,minmax(350px,1fr));gap:1rem;",
    "margin:1.75rem 0}.multiples figure{margin:0;padding:.9rem 1rem}.multiples "
    "strong{display:block}\n",
    "details{margin:1rem 0}summary{cursor:pointer;font-weight:600;padding:.4rem 0}",
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.5rem;margin:0}",
    "dt{font-weight:600}dd{margin:0}.failures{padding-left:1.2rem}.failures li{margin:.5rem 0}",
    ".failure{color:var(--c1);font-weight:600}\n",
    "@media "
    "print{:root{--page:#fff;color-scheme:light}body{padding:0;font-size:10pt}nav{display:none}",
    "section{break-before:auto}h2,h3,summary{break-after:avoid}tr{break-inside:avoid}",
    ".wide{overflow:visible}details::details-content{content-visibility:visible;block-size:auto}",
    "td,.scale span{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n",
};

void html_style(struct page *page) {
  fputs("<style>\n", page->to);
  for (size_t i = 0; i < sizeof style / sizeof *style; i++)
    fputs(style[i], page->to);
  fputs("</style>\n", page->to);
}
