/* SPDX-License-Identifier: MIT */
/* define_methods.c - what the mapping does for a derived variable, as a reviewer reads it. */
#include "define_priv.h"

enum { METHOD_MAX = 24 * 1024, USES_MAX = 60 };

/* ---- which rules give a variable its value
 * ---------------------------------------------------------- */
static int part_of(const struct sm_rule *r, uint32_t v) {
    uint32_t first = r->kind == SM_RULE_STANDARDIZE ? SM_STD_STRESC : 0;
    bool many = r->kind == SM_RULE_STANDARDIZE || r->kind == SM_RULE_VISIT ||
                r->kind == SM_RULE_MULTIPLE || r->kind == SM_RULE_AGE;
    for (uint32_t k = first; many && k < r->nv && k < SM_ARRAY_LEN(r->v); k++)
        if (r->v[k] == v) return (int)k;
    return -1;
}

static void uses_in(const struct sm_rule *rule, uint32_t n, uint32_t v, struct def_use use,
                    void (*fn)(void *, const struct def_use *), void *ctx) {
    for (uint32_t i = 0; i < n; i++) {
        use.rule = &rule[i];
        use.part = part_of(&rule[i], v);
        if (use.part >= 0 || (rule[i].var == v && rule[i].kind != SM_RULE_CHECK &&
                              rule[i].kind != SM_RULE_DATE_ORDER &&
                              rule[i].kind != SM_RULE_STANDARDIZE && rule[i].kind != SM_RULE_VISIT))
            fn(ctx, &use);
    }
}

void def_uses(const struct sm_domain *d, uint32_t v, void (*fn)(void *ctx, const struct def_use *u),
              void *ctx) {
    for (uint32_t f = 0; f < d->nfrom; f++)
        for (uint32_t r = 0; r < d->from[f].nrecord; r++) {
            const struct sm_record *rec = &d->from[f].record[r];
            uses_in(rec->rule, rec->nrule, v, (struct def_use){.from = &d->from[f], .record = rec},
                    fn, ctx);
        }
    uses_in(d->post, d->npost, v, (struct def_use){.part = -1}, fn, ctx);
    for (uint32_t k = 0; k < d->nderive; k++)
        if (d->derive[k].var == v) fn(ctx, &(struct def_use){.derive = &d->derive[k], .part = -1});
}

struct sm_str def_slot_name(const struct define *f, const struct sm_domain *d,
                            const struct def_use *u, struct sm_slot s) {
    const struct sm_spec *spec = f->spec;
    if (s.kind == SM_SLOT_VAR && s.index < d->nvar) return d->var[s.index].name;
    if (s.kind == SM_SLOT_REF && s.index < spec->nref)
        return spec->domain[spec->ref[s.index].domain].var[spec->ref[s.index].var].name;
    if (s.kind != SM_SLOT_COLUMN || !u->from) return (struct sm_str){NULL, 0};
    if (u->from->source == SM_NO) {
        const struct sm_domain *other = &spec->domain[u->from->domain];
        return s.index < other->nvar ? other->var[s.index].name : (struct sm_str){NULL, 0};
    }
    const struct sm_source *src = &spec->source[u->from->source];
    if (s.index < src->ncolumn) return src->column[s.index].name;
    return s.index == src->ncolumn ? SM_STR("USUBJID") : SM_STR("SUBJID");
}

/* ---- one rule in words
 * ------------------------------------------------------------------------------ */
struct method {
    struct define *f;
    const struct def_group *g;
    const struct sm_domain *d;
    const struct def_item *item;
    struct sm_buf text, one, formal, columns;
    struct sm_str said[USES_MAX];
    size_t nsaid, nuse;
    bool from; /* a rule of a <from> was met */
};

static void slot(struct method *m, const struct def_use *u, struct sm_slot s) {
    struct sm_str name = def_slot_name(m->f, m->d, u, s);
    if (s.kind == SM_SLOT_PARAM)
        name = s.index == 0 ? SM_STR("the value of the column") : SM_STR("the name of the column");
    if (u->from && u->from->source == SM_NO && s.kind == SM_SLOT_COLUMN)
        sm_buf_printf(&m->one, "%.*s.", SM_STR_FMT(m->f->spec->domain[u->from->domain].name));
    sm_buf_add_str(&m->one, name.n ? name : SM_STR("the collected value"));
}

static void var_name(struct method *m, uint32_t v) {
    if (v < m->d->nvar) sm_buf_add_str(&m->one, m->d->var[v].name);
}

static void value(struct method *m, sm_val v) {
    struct sm_valbuf b;
    sm_buf_printf(&m->one, "'%.*s'", SM_STR_FMT(sm_val_text(m->f->study->texts, v, &b)));
}

static void words(struct method *m, const struct sm_expr *e) {
    def_words(m->f->spec, e, &m->one);
}

static void list_names(struct method *m, const struct sm_terms *t) {
    for (uint32_t i = 0; i < t->nlist; i++)
        sm_buf_printf(&m->one, "%s%.*s", i ? " or " : "", SM_STR_FMT(t->list[i]->name));
}

/* What is done with a value on its way: recode, codelist, case. */
static void finish(struct method *m, const struct sm_rule *r) {
    if (r->recode) sm_buf_printf(&m->one, ", recoded by %.*s", SM_STR_FMT(r->recode->name));
    if (r->fold) sm_buf_add_c(&m->one, r->fold == 'u' ? ", in capitals" : ", in small letters");
    if (r->terms.nlist && r->kind != SM_RULE_VISIT && r->kind != SM_RULE_CONSTANT) {
        sm_buf_add_c(&m->one, ", as the term of codelist ");
        list_names(m, &r->terms);
        if (r->terms.unmatched == SM_UNMATCHED_BLANK)
            sm_buf_add_c(&m->one, " (missing if there is none)");
    }
}

static void say_study_day(struct method *m, const struct def_use *u) {
    sm_buf_add_c(&m->one, "Study day: date part of ");
    slot(m, u, u->rule->from);
    sm_buf_add_c(&m->one, " minus date part of ");
    words(m, u->rule->expr);
    sm_buf_add_c(&m->one, ", plus 1 from the reference date on (there is no day 0); complete dates "
                          "only, otherwise missing");
}

static void say_epoch(struct method *m, const struct def_use *u) {
    const struct sm_spec *spec = m->f->spec;
    sm_buf_add_c(&m->one, "The first epoch that holds ");
    slot(m, u, u->rule->from);
    sm_buf_add_c(&m->one, ":");
    for (uint32_t i = 0; i < spec->nepoch; i++) {
        const struct sm_epoch *e = &spec->epoch[i];
        sm_buf_add_c(&m->one, i ? "; " : " ");
        value(m, e->name);
        if (e->start) {
            sm_buf_add_c(&m->one, " from ");
            words(m, e->start);
        } else {
            sm_buf_add_c(&m->one,
                         i ? " after the end of the epoch before it" : " from the beginning");
        }
        if (e->end) {
            sm_buf_add_c(&m->one, " to ");
            words(m, e->end);
        } else {
            sm_buf_add_c(&m->one, i + 1 < spec->nepoch ? " until the next epoch begins"
                                  : e->start           ? " on"
                                                       : "");
        }
    }
    sm_buf_add_c(&m->one, ". Compared by date where one side has no time; missing when the date "
                          "does not tell the epoch");
}

static void say_visit(struct method *m, const struct def_use *u) {
    const struct sm_spec *spec = m->f->spec;
    const struct sm_table *t = u->rule->lut < spec->ntable ? &spec->table[u->rule->lut] : NULL;
    if (t && u->part >= 0 && u->rule->c[u->part] < t->nval)
        sm_buf_printf(&m->one, "%.*s in table %.*s for ", SM_STR_FMT(t->val[u->rule->c[u->part]]),
                      SM_STR_FMT(t->name));
    slot(m, u, u->rule->from);
}

static void say_multiple(struct method *m, const struct def_use *u) {
    const struct sm_rule *r = u->rule;
    if (u->part >= 0)
        sm_buf_printf(&m->one,
                      "When several of these hold, number %d of those that do: ", u->part + 1);
    for (uint32_t i = 0; i < r->nchoice; i++) {
        if (i) sm_buf_add_c(&m->one, "; ");
        if (r->choice[i].test) {
            value(m, r->choice[i].value);
            sm_buf_add_c(&m->one, " if ");
            words(m, r->choice[i].test);
        } else {
            slot(m, u, r->choice[i].from);
        }
    }
    if (u->part >= 0) return;
    sm_buf_add_c(&m->one, ". ");
    value(m, r->value);
    sm_buf_add_c(&m->one, " when several hold");
}

static void say_age(struct method *m, const struct def_use *u) {
    if (u->part >= 0) {
        value(m, u->rule->value);
        sm_buf_add_c(&m->one, " where the age is known");
        return;
    }
    sm_buf_add_c(&m->one, "Completed years from ");
    words(m, u->rule->expr);
    sm_buf_add_c(&m->one, " to ");
    words(m, u->rule->expr2);
}

static void say_rounding(struct method *m, const struct sm_rule *r) {
    static const char *const how[] = {[SM_ROUND_HALF_UP] = "half away from zero",
                                      [SM_ROUND_HALF_EVEN] = "half to even",
                                      [SM_ROUND_DOWN] = "towards zero"};
    if (r->digits >= 0)
        sm_buf_printf(&m->one, " Rounded to at most %d decimals, %s.", r->digits,
                      how[r->units->round]);
    else if (r->units->digits >= 0)
        sm_buf_printf(&m->one,
                      " Rounded to at most %d decimals unless the conversion says otherwise, %s.",
                      r->units->digits, how[r->units->round]);
    else
        sm_buf_printf(&m->one, " Rounded where the conversion says so, %s.", how[r->units->round]);
}

static void say_standardize(struct method *m, const struct def_use *u) {
    const struct sm_rule *r = u->rule;
    static const char *const what[SM_STD_COUNT] = {
        [SM_STD_STRESC] = "The result in standard units as text",
        [SM_STD_STRESN] = "The result in standard units, where it is a plain number",
        [SM_STD_STRESU] = "The unit that the result is converted to",
        [SM_STD_STNRLO] = "The lower limit, converted like the result",
        [SM_STD_STNRHI] = "The upper limit, converted like the result"};
    if (u->part == SM_STD_NRIND) {
        sm_buf_add_c(&m->one, "LOW if the number in ");
        var_name(m, r->v[SM_STD_ORRES]);
        sm_buf_add_c(&m->one, " is less than ");
        var_name(m, r->v[SM_STD_ORNRLO]);
        sm_buf_add_c(&m->one, ", HIGH if it is greater than ");
        var_name(m, r->v[SM_STD_ORNRHI]);
        sm_buf_add_c(&m->one, ", otherwise NORMAL; missing without a limit or a plain number");
        return;
    }
    sm_buf_printf(&m->one, "%s, from ", what[u->part]);
    var_name(m, u->part == SM_STD_STNRLO   ? r->v[SM_STD_ORNRLO]
                : u->part == SM_STD_STNRHI ? r->v[SM_STD_ORNRHI]
                                           : r->v[SM_STD_ORRES]);
    if (r->v[SM_STD_ORRESU] != SM_NO) {
        sm_buf_add_c(&m->one, " and ");
        var_name(m, r->v[SM_STD_ORRESU]);
    }
    if (!r->units) return;
    sm_buf_printf(&m->one, " by conversion table %.*s.", SM_STR_FMT(r->units->name));
    if (u->part != SM_STD_STRESU) say_rounding(m, r);
    if (u->part == SM_STD_STRESC)
        sm_buf_add_c(&m->one, " A sign of comparison before the number stays; a result that is no "
                              "number and whose test has no conversion is taken as it is.");
    sm_buf_add_c(&m->one, r->keep_unconverted ? " Without a conversion the original stands."
                                              : " Missing without a conversion.");
    if (u->part == SM_STD_STRESC || u->part == SM_STD_STRESN || r->v[SM_STD_STRESN] == SM_NO) {
        def_words_conversions(m->f, m->g, r->units, &m->one);
    } else {
        sm_buf_add_c(&m->one, " The conversions are listed with ");
        var_name(m, r->v[SM_STD_STRESN]);
        sm_buf_add_c(&m->one, ".");
    }
}

static void say_derive_names(struct method *m, const uint32_t *v, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (i) sm_buf_add_c(&m->one, ", ");
        var_name(m, v[i]);
    }
}

static void say_sequence(struct method *m, const struct sm_derive *x) {
    sm_buf_add_c(&m->one, "Number of the record (1, 2, 3, ...) within ");
    if (x->nby)
        say_derive_names(m, x->by, x->nby);
    else
        sm_buf_add_c(&m->one, "USUBJID");
    sm_buf_add_c(&m->one, " in the order of ");
    say_derive_names(m, x->norder ? x->order : m->d->key, x->norder ? x->norder : m->d->nkey);
}

static void say_flag(struct method *m, const struct sm_derive *x) {
    bool all = x->kind == SM_DERIVE_BASELINE && x->all_ties;
    sm_buf_printf(&m->one, "'Y' on %s per USUBJID",
                  all ? "the records" : "the last record by date");
    if (x->nby) sm_buf_add_c(&m->one, ", ");
    say_derive_names(m, x->by, x->nby);
    if (x->result != SM_NO) {
        sm_buf_add_c(&m->one, " that has a result (");
        var_name(m, x->result);
        sm_buf_add_c(&m->one, ")");
    }
    if (x->stat != SM_NO) {
        sm_buf_add_c(&m->one, " and no ");
        var_name(m, x->stat);
    }
    if (x->reference) {
        sm_buf_add_c(&m->one, " and whose ");
        var_name(m, x->date);
        sm_buf_add_c(&m->one, " is not after ");
        words(m, x->reference);
        sm_buf_add_c(&m->one, " (by date where one side has no time; partial dates never count)");
    }
    if (x->filter) {
        sm_buf_add_c(&m->one, ", where ");
        words(m, x->filter);
    }
}

static bool is_name(struct sm_str s) {
    bool name = s.n > 0 && sm_is_alpha(s.p[0]);
    for (size_t i = 0; name && i < s.n; i++)
        name = sm_is_alpha(s.p[i]) || sm_is_digit(s.p[i]) || s.p[i] == '_' || s.p[i] == '.';
    return name;
}

static void say_rule(struct method *m, const struct def_use *u) {
    const struct sm_rule *r = u->rule;
    switch (r->kind) {
    case SM_RULE_ASSIGN:
        if (r->from.kind != SM_SLOT_PARAM) sm_buf_add_c(&m->one, "the value of ");
        slot(m, u, r->from);
        break;
    case SM_RULE_DATETIME:
        slot(m, u, r->from);
        if (r->time.kind != SM_SLOT_NONE) {
            sm_buf_add_c(&m->one, " with time ");
            slot(m, u, r->time);
        }
        break;
    case SM_RULE_CONSTANT:
        value(m, r->value);
        break;
    case SM_RULE_COMPUTE:
        if (is_name(sm_expr_text(r->expr))) sm_buf_add_c(&m->one, "the value of ");
        words(m, r->expr);
        break;
    case SM_RULE_STUDY_DAY:
        say_study_day(m, u);
        break;
    case SM_RULE_STANDARDIZE:
        say_standardize(m, u);
        break;
    case SM_RULE_VISIT:
        say_visit(m, u);
        break;
    case SM_RULE_EPOCH:
        say_epoch(m, u);
        break;
    case SM_RULE_AGE:
        say_age(m, u);
        break;
    case SM_RULE_MULTIPLE:
        say_multiple(m, u);
        break;
    case SM_RULE_DURATION:
        sm_buf_add_c(&m->one, "Days from ");
        slot(m, u, r->from);
        sm_buf_add_c(&m->one, " to ");
        slot(m, u, r->time);
        sm_buf_add_c(&m->one, " as an ISO 8601 duration PnD; complete dates only");
        break;
    default:
        break;
    }
    finish(m, r);
}

/* Conditions of the record and of the rule itself. */
static void say_condition(struct method *m, const struct def_use *u) {
    const struct sm_guard *of_record = u->record ? u->record->guard : NULL,
                          *own = u->rule ? u->rule->guard : NULL;
    if (!of_record && !own) return;
    sm_buf_add_c(&m->one, ", if ");
    def_words_guard(m->f->spec, of_record, &m->one);
    if (of_record && own) sm_buf_add_c(&m->one, " and ");
    def_words_guard(m->f->spec, own, &m->one);
}

static void take_sentence(struct method *m, const struct def_use *u) {
    struct sm_str s = sm_buf_str(&m->one);
    for (size_t i = 0; i < m->nsaid; i++)
        if (sm_str_eq(m->said[i], s)) return;
    if (m->nsaid >= USES_MAX) return;
    if (u->rule && u->rule->kind == SM_RULE_COMPUTE) {
        if (m->formal.n) sm_buf_add_c(&m->formal, "; ");
        sm_buf_add_str(&m->formal, sm_expr_text(u->rule->expr));
    }
    if (m->text.n) sm_buf_add_c(&m->text, "; ");
    sm_buf_add_str(&m->text, s);
    m->said[m->nsaid++] = def_keep(m->f, s);
}

/* Columns of a <repeat>, whose rules are alike but for the column. */
static void take_column(struct method *m, const struct def_use *u) {
    struct sm_valbuf b;
    if (!u->record || u->record->repeat == SM_NO || u->record->param[1] == SM_MISSING) return;
    sm_buf_add_c(&m->columns, m->columns.n ? ", " : " (columns ");
    sm_buf_add_str(&m->columns, sm_val_text(m->f->study->texts, u->record->param[1], &b));
}

/* Memory that ran out while the sentence was made must not be forgotten with it. */
static void one_clear(struct method *m) {
    if (m->one.failed && !m->one.over) m->f->failed = true;
    sm_buf_clear(&m->one);
}

static void use_words(void *ctx, const struct def_use *u) {
    struct method *m = ctx;
    const struct sm_spec *spec = m->f->spec;
    take_column(m, u);
    if (++m->nuse > USES_MAX) return;
    m->from = m->from || u->from;
    one_clear(m);
    if (u->from && m->d->nfrom > 1) {
        struct sm_str name = u->from->source == SM_NO ? spec->domain[u->from->domain].name
                                                      : spec->source[u->from->source].name;
        sm_buf_printf(&m->one, "From %s%.*s: ", u->from->source == SM_NO ? "" : "source ",
                      SM_STR_FMT(name));
    }
    if (u->derive && u->derive->kind == SM_DERIVE_SEQUENCE)
        say_sequence(m, u->derive);
    else if (u->derive)
        say_flag(m, u->derive);
    else
        say_rule(m, u);
    say_condition(m, u);
    take_sentence(m, u);
}

static void say_group(struct method *m, const struct sm_var *v) {
    static const char *const how[] = {"first", "last",   "least", "greatest",
                                      "sum",   "number", "only"};
    if (!m->d->ngroup || !m->from) return;
    one_clear(m);
    sm_buf_add_c(&m->one, ". Records with equal ");
    say_derive_names(m, m->d->group, m->d->ngroup);
    sm_buf_printf(&m->one, " become one: the %s of their values is taken",
                  how[v->has_take ? v->take : SM_TAKE_FIRST]);
    sm_buf_add_str(&m->text, sm_buf_str(&m->one));
}

/* The subject's identifiers come from the study's <subject>. */
static void say_subject(struct method *m, bool unique) {
    const struct sm_spec *spec = m->f->spec;
    if (!spec) return;
    uint32_t at = spec->subject_source;
    for (uint32_t i = 0; at == SM_NO && i < spec->nsource; i++)
        if (spec->source[i].usubjid) at = i;
    if (at >= spec->nsource) return;
    const struct sm_expr *e = unique ? spec->source[at].usubjid : spec->source[at].subjid;
    if (!e) return;
    def_words(spec, e, &m->text);
    sm_buf_add_str(&m->formal, sm_expr_text(e));
}

static void capital(struct sm_buf *b) {
    bool word = b->n > 1 && sm_is_alpha(b->p[0]) && b->p[1] >= 'a' && b->p[1] <= 'z';
    if (word) b->p[0] = sm_to_upper(b->p[0]);
}

struct sm_str def_method_of(struct define *f, const struct def_group *g, const struct def_item *i,
                            uint32_t v) {
    struct method m = {.f = f, .g = g, .d = g->domain, .item = i};
    sm_buf_init(&m.text, METHOD_MAX);
    sm_buf_init(&m.one, METHOD_MAX);
    sm_buf_init(&m.formal, METHOD_MAX);
    sm_buf_init(&m.columns, METHOD_MAX / 4);
    bool unique = sm_str_eq_c(i->name, "USUBJID");
    if (unique || sm_str_eq_c(i->name, "SUBJID")) {
        say_subject(&m, unique);
    } else if (v != SM_NO && m.d) {
        def_uses(m.d, v, use_words, &m);
        sm_buf_add_str(&m.text, sm_buf_str(&m.columns));
        if (m.columns.n) sm_buf_add_c(&m.text, ")");
        say_group(&m, &m.d->var[v]);
    }
    if (m.nuse > USES_MAX) sm_buf_add_c(&m.text, "; further rules of the same kind are not listed");
    capital(&m.text);
    if (m.text.n == 0) sm_buf_add_c(&m.text, "Derived by the sponsor");
    if (m.text.n && m.text.p[m.text.n - 1] != '.') sm_buf_add_c(&m.text, ".");
    if (i->var && i->var->method.n) {
        one_clear(&m);
        sm_buf_printf(&m.one, "%.*s%s Rule: ", SM_STR_FMT(i->var->method),
                      sm_str_ends(i->var->method, SM_STR(".")) ? "" : ".");
        sm_buf_add_str(&m.one, sm_buf_str(&m.text));
        sm_buf_clear(&m.text);
        sm_buf_add_str(&m.text, sm_buf_str(&m.one));
    }
    struct def_text t = {
        .oid = def_printf(f, "MT.%.*s", (int)(i->oid.n - 3), i->oid.p + 3),
        .name = def_printf(f, "%.*s: %.*s", SM_STR_FMT(i->name), SM_STR_FMT(i->label))};
    t.text = def_take(f, &m.text);
    t.formal = def_take(f, &m.formal);
    one_clear(&m);
    if (m.columns.failed && !m.columns.over) f->failed = true;
    sm_buf_free(&m.one);
    sm_buf_free(&m.columns);
    return def_method(f, &t);
}
