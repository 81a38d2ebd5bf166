/* SPDX-License-Identifier: MIT */
/* Runs one fuzz target over the empty input and over every file of the named folders (or the named
 * files), without libFuzzer: corpus replay with any compiler. Each input lies in a block of exactly
 * its size, so that the address sanitizer sees a read past the end. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_file(FILE *f, uint8_t **ret, size_t *ret_n) {
    long n;
    if (fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) != 0) return -1;
    *ret_n = (size_t)n;
    *ret = malloc(*ret_n > 0 ? *ret_n : 1);
    return *ret && fread(*ret, 1, *ret_n, f) == *ret_n ? 0 : -1;
}

static int run_file(const char *path) {
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t n = 0;
    if (!f) return -1;
    int rc = read_file(f, &data, &n);
    (void)fclose(f);
    if (rc == 0) {
        (void)fprintf(stderr, "input %s\n", path);
        (void)LLVMFuzzerTestOneInput(data, n);
    } else {
        (void)fprintf(stderr, "%s: cannot be read\n", path);
    }
    free(data);
    return rc;
}

static int run_folder(const char *folder, DIR *d, int *files) {
    int rc = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[4096];
        if (e->d_name[0] == '.') continue;
        int n = snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (n < 0 || (size_t)n >= sizeof path || run_file(path) != 0) rc = -1;
        (*files)++;
    }
    return rc;
}

int main(int argc, char **argv) {
    int files = 0, rc = 0;
    uint8_t *nothing = calloc(1, 1);
    if (!nothing) return 2;
    (void)LLVMFuzzerTestOneInput(nothing + 1, 0);
    free(nothing);
    for (int i = 1; i < argc; i++) {
        DIR *d = opendir(argv[i]);
        if (d) {
            if (run_folder(argv[i], d, &files) != 0) rc = 1;
            (void)closedir(d);
        } else {
            if (run_file(argv[i]) != 0) rc = 1;
            files++;
        }
    }
    (void)printf("%s: %d inputs\n", rc == 0 ? "ok" : "FAIL", files);
    return rc;
}
