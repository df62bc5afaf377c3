/* Writes PNG files from an exported SavedModel: no Python, only TensorFlow's C library.
 *
 *     generate SAVED_MODEL SEED COUNT PREFIX [TRUNCATION [LABEL]]
 *
 * writes PREFIX0.png, PREFIX1.png ... Without a LABEL a conditional generator draws
 * labels from the seed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

static void fail(const char* what, const char* why) {
  fprintf(stderr, "error: %s: %s\n", what, why);
  exit(1);
}

static void check(TF_Status* status, const char* what) {
  if (TF_GetCode(status) != TF_OK) fail(what, TF_Message(status));
}

/* A stretch of serialised protocol buffer. */
typedef struct {
  const uint8_t *at, *end;
} Bytes;

static uint64_t varint(Bytes* bytes) {
  uint64_t value = 0;
  for (int shift = 0; bytes->at < bytes->end && shift < 64; shift += 7) {
    value |= (uint64_t)(*bytes->at & 0x7f) << shift;
    if (!(*bytes->at++ & 0x80)) break;
  }
  return value;
}

/* The content of the next field with this number (of those that hold bytes); 0 at the end. */
static int next_field(Bytes* message, uint64_t number, Bytes* content) {
  while (message->at < message->end) {
    uint64_t key = varint(message), size = 0;
    switch (key & 7) {
      case 0: varint(message); break;
      case 1: size = 8; break;
      case 2: size = varint(message); break;
      case 5: size = 4; break;
    }
    if (size > (uint64_t)(message->end - message->at)) fail("the model", "is damaged");
    const uint8_t* start = message->at;
    message->at = start + size;
    if (key == (number << 3 | 2)) {
      *content = (Bytes){start, start + size};
      return 1;
    }
  }
  return 0;
}

/* The value of `key` in the map that is field `number`; 0 where there is none. */
static int map_value(Bytes message, uint64_t number, const char* key, Bytes* value) {
  Bytes entry;
  while (next_field(&message, number, &entry)) {
    Bytes name = entry;
    *value = entry;
    if (next_field(&name, 1, &name) && (size_t)(name.end - name.at) == strlen(key) &&
        !memcmp(name.at, key, strlen(key)))
      return next_field(value, 2, value);
  }
  return 0;
}

/* The graph's end of a signature's tensor. The exporter chooses its name, so it is looked up
 * in the model's description (MetaGraphDef.signature_def[].inputs or .outputs[].name). */
static TF_Output tensor(TF_Graph* graph, const TF_Buffer* meta, const char* signature, const char* side,
                        const char* key) {
  Bytes whole = {meta->data, (const uint8_t*)meta->data + meta->length}, definition, info, name;
  TF_Output none = {NULL, 0};
  if (!map_value(whole, 5, signature, &definition)) fail(signature, "the model has no such signature");
  if (!map_value(definition, strcmp(side, "inputs") ? 2 : 1, key, &info)) return none;
  if (!next_field(&info, 1, &name)) return none;
  char text[512];
  snprintf(text, sizeof text, "%.*s", (int)(name.end - name.at), (const char*)name.at);
  char* colon = strrchr(text, ':');
  if (colon) *colon = 0;
  TF_Output found = {TF_GraphOperationByName(graph, text), colon ? atoi(colon + 1) : 0};
  return found;
}

static TF_Tensor* scalar(TF_DataType type, const void* value) {
  TF_Tensor* made = TF_AllocateTensor(type, NULL, 0, 4);
  memcpy(TF_TensorData(made), value, 4);
  return made;
}

static TF_Tensor* vector_of_one(int32_t value) {
  int64_t one = 1;
  TF_Tensor* made = TF_AllocateTensor(TF_INT32, &one, 1, 4);
  memcpy(TF_TensorData(made), &value, 4);
  return made;
}

/* A row of attributes that are all drawn from the seed; none where the model takes none. */
static TF_Tensor* any_attributes(TF_Graph* graph, TF_Output input, TF_Status* status) {
  int64_t shape[2] = {1, 0};
  if (input.oper) TF_GraphGetTensorShape(graph, input, shape, 2, status);
  check(status, "the shape of attributes");
  shape[0] = 1;
  TF_Tensor* made = TF_AllocateTensor(TF_FLOAT, shape, 2, 4 * (size_t)shape[1]);
  for (int64_t i = 0; i < shape[1]; i++) ((float*)TF_TensorData(made))[i] = -1;
  return made;
}

static void write_file(const char* prefix, int number, const TF_TString* png) {
  char path[4096];
  snprintf(path, sizeof path, "%s%d.png", prefix, number);
  FILE* file = fopen(path, "wb");
  size_t size = TF_TString_GetSize(png);
  if (!file || fwrite(TF_TString_GetDataPointer(png), 1, size, file) != size || fclose(file)) {
    perror(path);
    exit(1);
  }
}

int main(int argc, char** argv) {
  if (argc < 5 || argc > 7) fail("usage", "generate SAVED_MODEL SEED COUNT PREFIX [TRUNCATION [LABEL]]");
  const int32_t seed = atoi(argv[2]), count = atoi(argv[3]), label = argc > 6 ? atoi(argv[6]) : -1;
  const float truncation = argc > 5 ? strtof(argv[5], NULL) : 1.0f;
  const char* signature = "generate_png_with_options";
  if (count < 1) fail(argv[3], "COUNT must be at least 1");

  TF_Status* status = TF_NewStatus();
  TF_Graph* graph = TF_NewGraph();
  TF_SessionOptions* options = TF_NewSessionOptions();
  TF_Buffer* meta = TF_NewBuffer();
  const char* tags[] = {"serve"};
  TF_Session* session = TF_LoadSessionFromSavedModel(options, NULL, argv[1], tags, 1, graph, meta, status);
  check(status, argv[1]);

  TF_Output inputs[] = {tensor(graph, meta, signature, "inputs", "num_images"),
                        tensor(graph, meta, signature, "inputs", "seed"),
                        tensor(graph, meta, signature, "inputs", "truncation"),
                        tensor(graph, meta, signature, "inputs", "label")};
  TF_Tensor* values[] = {scalar(TF_INT32, &count), scalar(TF_INT32, &seed), scalar(TF_FLOAT, &truncation),
                         vector_of_one(label)};
  const int labelled = inputs[3].oper != NULL;
  TF_Output attributes = tensor(graph, meta, signature, "inputs", "attributes");
  if (attributes.oper) {
    inputs[3] = attributes;
    TF_DeleteTensor(values[3]);
    values[3] = any_attributes(graph, attributes, status);
  }
  if (argc > 6 && !labelled) fail(argv[6], "this generator takes no LABEL");
  TF_Output png = tensor(graph, meta, signature, "outputs", "png");
  TF_Tensor* files = NULL;
  TF_SessionRun(session, NULL, inputs, values, inputs[3].oper ? 4 : 3, &png, &files, 1, NULL, 0, NULL, status);
  check(status, "running the model");
  for (int i = 0; i < count; i++) write_file(argv[4], i, (const TF_TString*)TF_TensorData(files) + i);

  TF_DeleteTensor(files);
  for (int i = 0; i < 4; i++) TF_DeleteTensor(values[i]);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteBuffer(meta);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}
