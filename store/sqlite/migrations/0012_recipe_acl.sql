-- +goose Up

-- A recipe that said "private": true says "acl": "PRIVATE".
UPDATE batches
   SET recipe = json_set(json_remove(recipe, '$.private'), '$.acl', 'PRIVATE')
 WHERE recipe <> '' AND json_extract(recipe, '$.private') = 1;
