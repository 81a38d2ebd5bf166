/* SPDX-License-Identifier: MIT */
/* The input is a terminology file of whatever kind; if it loads, every list is built and each of
 * its values must be found in it. */
#include <unistd.h>

#include "sdtmill/ct.h"
#include "sdtmill/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(struct sm_ct *ct, const char *name) {
    const struct sm_codelist *l = sm_ct_list(ct, sm_str(name));
    if (!l) {
        (void)sm_ct_nearest_list(ct, sm_str(name));
        return;
    }
    const struct sm_term *t = NULL;
    for (uint32_t i = 0; i < l->nterm; i++) {
        struct sm_str value = l->term[i].value;
        if (sm_str_trim_unicode(value).n == 0) continue;
        if (sm_ct_find(l, value, &t) != SM_CT_EXACT || !sm_str_eq(t->value, value))
            __builtin_trap();
    }
    (void)sm_ct_nearest_term(l, SM_STR("MODERAT"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    struct sm_err err = {0};
    struct sm_arena arena;
    struct sm_ct *ct;
    snprintf(path, sizeof path, "/tmp/sdtmill-fuzz-ct-%ld", (long)getpid());
    FILE *f = fopen(path, "wb");
    if (!f) return 0;
    bool written = size == 0 || fwrite(data, 1, size, f) == size;
    if (fclose(f) != 0 || !written) return 0;
    sm_arena_init(&arena);
    if (sm_ct_open(&ct, &arena, &err) == SM_OK) {
        if (sm_ct_load(ct, path, &err) == SM_OK) {
            static const char *const names[] = {"SEX", "NY",   "C66731", "ONE",
                                                "TWO", "BASE", "MORE",   "X"};
            for (size_t i = 0; i < SM_ARRAY_LEN(names); i++)
                look(ct, names[i]);
        } else if (err.code == SM_OK) {
            __builtin_trap();
        }
        sm_ct_close(ct);
    }
    sm_arena_free(&arena);
    unlink(path);
    return 0;
}
