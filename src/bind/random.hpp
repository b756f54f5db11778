// Generators of random numbers as Python objects, and the random functions.
#pragma once

#include "bind/python.hpp"
#include "runtime/random.hpp"

namespace nnx::bind {

void add_generator_type(PyObject* module);
// None or null: the default generator. ArgumentError for other objects.
runtime::Generator& generator_of(PyObject* o, const char* op);
void declare_random(PyObject* module);

}  // namespace nnx::bind
