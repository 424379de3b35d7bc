/* Filters that look into the items of a sequence: by attribute, by test, in order. */
#ifndef PW_RUNTIME_TEXT_TEMPLATE_PICK_H
#define PW_RUNTIME_TEXT_TEMPLATE_PICK_H

#include "runtime/text/template_eval.h"

/* The way from an item to what is asked of it: "a.b.0", or several with commas between them. */
typedef struct pw_tpl_path {
    pw_tpl_value *parts;
    size_t count;
    size_t paths;          /* the commas and one */
    bool listed;           /* values come as lists, one item a path */
    pw_tpl_value fallback; /* for what is undefined; MISSING: none */
    bool lower;            /* strings in lower case */
} pw_tpl_path;

/* `attribute`: a string, an integer, or MISSING or none for the item itself. `several`: commas part. */
PW_MUST pewter_status pw_tpl_path_open(pw_tpl_vm *vm, const pw_tpl_value *attribute, bool several,
                                       pw_tpl_path *out);
/* The value of an item; under `several` a list with one value a path. */
PW_MUST pewter_status pw_tpl_path_get(pw_tpl_vm *vm, const pw_tpl_path *path,
                                      const pw_tpl_value *item, pw_tpl_value *out);
/* The same for each of `count` items, into a new array. */
PW_MUST pewter_status pw_tpl_path_all(pw_tpl_vm *vm, const pw_tpl_path *path,
                                      const pw_tpl_value *items, size_t count, pw_tpl_value **out);
/* The numbers of the keys in their order: stable, also backwards. */
PW_MUST pewter_status pw_tpl_sort(pw_tpl_vm *vm, const pw_tpl_value *keys, size_t count,
                                  bool backwards, uint32_t **out);

#endif
