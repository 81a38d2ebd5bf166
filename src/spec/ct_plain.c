/* SPDX-License-Identifier: MIT */
/* Codelists of the mapping language's own form (part, codelist, term, synonym) written as plain
 * XML: the whole file is looked through, terms are made of the lists that are asked for. */
#include "ct_priv.h"
#include "xplain_priv.h"

#include "sdtmill/err.h"

static const char mapping_ns[] = "urn:sdtmill:mapping:1";

struct plain {
    struct xp x;
    struct sm_ct *ct;
    struct ct_list *list; /* in file order, by next */
    struct ct_list **last;
    bool nomem;
};

/* An attribute, if it is there; an empty one is not for us. */
static bool attr_of(struct plain *p, const char *name, struct sm_str *ret) {
    struct sm_str written = xp_attr(&p->x, name);
    *ret = written;
    if (!written.p) return true;
    if (written.n == 0) return false;
    *ret = xp_meaning(p->ct->arena, written);
    if (!ret->p) p->nomem = true;
    return ret->p != NULL;
}

/* From behind a term's start tag to behind its end tag. */
static bool look_term(struct plain *p, uint32_t *nsynonym) {
    if (!xp_attr(&p->x, "value").p) return false;
    for (uint32_t i = 0; i < p->x.nattr; i++)
        if (p->x.attr[i].value.n == 0) return false;
    if (p->x.empty) return true;
    for (;;) {
        enum xp_what what = xp_next(&p->x);
        if (what == XP_CLOSE) return true;
        if (!xp_is_open(&p->x, what, "synonym") || p->x.empty) return false;
        if (xp_next(&p->x) != XP_TEXT) return false;
        if (xp_next(&p->x) != XP_CLOSE) return false;
        (*nsynonym)++;
    }
}

static bool look_terms(struct plain *p, struct ct_list *l) {
    const char *from = p->x.p;
    if (p->x.empty) return true;
    for (;;) {
        const char *to = p->x.p;
        enum xp_what what = xp_next(&p->x);
        l->plain = sm_str_n(from, (size_t)(to - from));
        if (what == XP_CLOSE) return true;
        if (!xp_is_open(&p->x, what, "term") || !look_term(p, &l->nsynonym)) return false;
        l->list.nterm++;
    }
}

static bool look_list(struct plain *p) {
    struct ct_list *l = sm_arena_alloc(p->ct->arena, sizeof *l);
    struct sm_str extensible;
    p->nomem = !l;
    if (!l) return false;
    if (!attr_of(p, "name", &l->list.name) || !attr_of(p, "code", &l->list.code) ||
        !attr_of(p, "label", &l->list.label) || !attr_of(p, "extends", &l->extends) ||
        !attr_of(p, "extensible", &extensible) || !l->list.name.p)
        return false;
    l->list.from_package = true;
    l->list.extensible = sm_str_eq_nocase(extensible, SM_STR("yes"));
    *p->last = l;
    p->last = &l->next;
    return look_terms(p, l);
}

static bool look_file(struct plain *p) {
    if (!xp_is_open(&p->x, xp_next(&p->x), "part") || p->x.empty) return false;
    if (!sm_str_eq_c(xp_attr(&p->x, "xmlns"), mapping_ns)) return false;
    for (;;) {
        enum xp_what what = xp_next(&p->x);
        if (what == XP_CLOSE) break;
        if (!xp_is_open(&p->x, what, "codelist") || !look_list(p)) return false;
    }
    return p->list && xp_next(&p->x) == XP_END;
}

int ct_load_plain(struct sm_ct *ct, struct sm_str text, bool *ret_is, struct sm_err *err) {
    struct plain p = {.ct = ct};
    int rc = SM_OK;
    p.last = &p.list;
    *ret_is = xp_file(&p.x, text) && look_file(&p);
    if (p.nomem) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (struct ct_list *l = p.list; l && *ret_is && rc == SM_OK; l = l->next) {
        rc = ct_list_put(ct, l, err);
        if (rc == SM_OK) rc = ct_list_name(ct, l, err);
    }
    return rc;
}

static bool term_open(struct plain *p, struct sm_term *t, struct sm_str *synonym) {
    t->synonym = synonym;
    return attr_of(p, "value", &t->value) && attr_of(p, "code", &t->code) &&
           attr_of(p, "decode", &t->decode);
}

/* The piece was looked through when the file was loaded: only memory can fail now. */
bool ct_plain_terms(struct sm_ct *ct, struct ct_list *l) {
    struct plain p = {.ct = ct};
    struct sm_term *term = sm_arena_array(ct->arena, (size_t)l->list.nterm + 1, sizeof *term);
    struct sm_str *synonym = sm_arena_array(ct->arena, (size_t)l->nsynonym + 1, sizeof *synonym);
    size_t nterm = 0;
    if (!term || !synonym) return false;
    xp_piece(&p.x, l->plain);
    for (;;) {
        enum xp_what what = xp_next(&p.x);
        if (what == XP_NOT || what == XP_END) break;
        if (xp_is_open(&p.x, what, "term") && !term_open(&p, &term[nterm++], synonym)) return false;
        if (what != XP_TEXT) continue;
        *synonym = xp_meaning(ct->arena, sm_str_trim(p.x.text));
        if (!synonym++->p) return false;
        term[nterm - 1].nsynonym++;
    }
    l->list.term = term;
    return true;
}
