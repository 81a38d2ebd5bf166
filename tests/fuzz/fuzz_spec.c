/* SPDX-License-Identifier: MIT */
/* The input is a study mapping. It loads, or every reason is a finding; a plan that was made can be
 * walked and linted. */
#include <sys/stat.h>
#include <unistd.h>

#include "sdtmill/err.h"
#include "sdtmill/spec_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool holds) {
    if (!holds) __builtin_trap();
}

static void look_rules(const struct sm_domain *d, const struct sm_rule *r, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        need(r[i].var == SM_NO || r[i].var < d->nvar);
        need(r[i].nv <= SM_ARRAY_LEN(r[i].v));
        for (uint32_t k = 0; k < r[i].nv; k++)
            need(r[i].v[k] == SM_NO || r[i].v[k] < d->nvar);
        need(r[i].from.kind != SM_SLOT_VAR || r[i].from.index < d->nvar);
    }
}

static void look(const struct sm_spec *s) {
    need(s->nstep == s->nlookup + s->ndomain && s->nlut == s->ntable + s->nlookup);
    for (uint32_t i = 0; i < s->ndomain; i++) {
        const struct sm_domain *d = &s->domain[i];
        need(d->usubjid == SM_NO || d->usubjid < d->nvar);
        for (uint32_t k = 0; k < d->nkey; k++)
            need(d->key[k] < d->nvar);
        for (uint32_t f = 0; f < d->nfrom; f++)
            for (uint32_t r = 0; r < d->from[f].nrecord; r++)
                look_rules(d, d->from[f].record[r].rule, d->from[f].record[r].nrule);
        look_rules(d, d->post, d->npost);
    }
    for (uint32_t i = 0; i < s->nsource; i++)
        for (uint32_t f = 0; f < s->source[i].nfile; f++) {
            const struct sm_file *file = &s->source[i].file[f];
            for (uint32_t c = 0; c < file->ncol; c++) {
                need(file->col[c].column < s->source[i].ncolumn);
                need(file->col[c].how != SM_SUPPLY_HEADER || file->col[c].raw < file->nraw);
            }
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const library[] = {"mappings"};
    struct sm_spec_paths paths = {library, 1};
    char dir[64], path[96];
    struct sm_err err = {0};
    struct sm_texts *texts = NULL;
    struct sm_spec *s = NULL;
    struct sm_diags diags;
    (void)snprintf(dir, sizeof dir, "/tmp/sdtmill-fuzz-spec-%ld", (long)getpid());
    (void)snprintf(path, sizeof path, "%s/study.xml", dir);
    (void)mkdir(dir, 0700);
    FILE *f = fopen(path, "wb");
    if (f == NULL) return 0;
    bool written = size == 0 || fwrite(data, 1, size, f) == size;
    if (fclose(f) != 0 || !written || sm_texts_open(&texts, &err) != SM_OK) return 0;
    sm_diags_init(&diags);
    int rc = sm_spec_load(&s, path, &paths, texts, &diags, &err);
    need(rc == SM_OK || (rc == SM_ESPEC && diags.n > 0 && s == NULL));
    if (rc == SM_OK) {
        look(s);
        sm_spec_lint(s, &diags);
    }
    sm_spec_close(s);
    sm_diags_free(&diags);
    sm_texts_close(texts);
    (void)unlink(path);
    (void)rmdir(dir);
    return 0;
}
