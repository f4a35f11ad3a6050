// The engine's face to Node, in plain Node-API: a handful of functions on three kinds of handles. The typed
// side, with all checks of what a user can get wrong, is src/engine/native/addon.ts.
//
//   isas()                                         → names of the instruction sets that can run here, best first
//   createEngine(isa, threads)                     → engine
//   createSession(engine)                          → session
//   addVariable(session, bytes)                    → {index, buffer}
//   loadProgram(session, words, names, arenaBytes, ioBytes) → {program, buffer of the io region}
//   run(program, check, seconds | null, callback)    callback(error | null, finite, nonFiniteStep)
//   memory(session)                                → [arena, scratch and temporary], in bytes
//   closeSession(session, buffers, programs)         frees all memory and empties the buffers
#include <node_api.h>

#include <cstring>
#include <functional>
#include <stdexcept>
#include "program.h"

namespace {

using namespace soma;

struct NodeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void expect(napi_status status, const char* what) {
  if (status != napi_ok) throw NodeError(std::string("native engine: ") + what);
}

struct Args {
  static constexpr size_t MOST = 8;
  napi_env env;
  napi_value values[MOST];

  Args(napi_env env, napi_callback_info info, size_t wanted) : env(env) {
    size_t count = MOST;
    expect(napi_get_cb_info(env, info, &count, values, nullptr, nullptr), "no arguments");
    if (count != wanted) throw NodeError("native engine: wrong number of arguments");
  }
  int64_t integer(int i) const {
    int64_t n;
    expect(napi_get_value_int64(env, values[i], &n), "expected an integer");
    return n;
  }
  size_t size(int i) const {
    const int64_t n = integer(i);
    if (n < 0) throw NodeError("native engine: expected a size");
    return size_t(n);
  }
  bool flag(int i) const {
    bool b;
    expect(napi_get_value_bool(env, values[i], &b), "expected a boolean");
    return b;
  }
  std::string text(napi_value value) const {
    size_t length;
    expect(napi_get_value_string_utf8(env, value, nullptr, 0, &length), "expected a string");
    std::string s(length, '\0');
    expect(napi_get_value_string_utf8(env, value, s.data(), length + 1, &length), "expected a string");
    return s;
  }
  template <class T>
  const std::shared_ptr<T>& handle(int i) const {
    void* data;
    expect(napi_get_value_external(env, values[i], &data), "expected a handle");
    return *static_cast<std::shared_ptr<T>*>(data);
  }
};

template <class T>
napi_value wrap(napi_env env, std::shared_ptr<T> object) {
  napi_value value;
  auto* held = new std::shared_ptr<T>(std::move(object));
  const auto drop = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<T>*>(data); };
  if (napi_create_external(env, held, drop, nullptr, &value) != napi_ok) {
    delete held;
    throw NodeError("native engine: no handle");
  }
  return value;
}

// An ArrayBuffer over memory that `owner` keeps alive.
template <class T>
napi_value bufferOver(napi_env env, const Memory& memory, std::shared_ptr<T> owner) {
  napi_value value;
  if (memory.bytes() == 0) {
    void* none;
    expect(napi_create_arraybuffer(env, 0, &none, &value), "no buffer");
    return value;
  }
  auto* held = new std::shared_ptr<T>(std::move(owner));
  const auto drop = [](napi_env, void*, void* hint) { delete static_cast<std::shared_ptr<T>*>(hint); };
  if (napi_create_external_arraybuffer(env, memory.data(), memory.bytes(), drop, held, &value) != napi_ok) {
    delete held;
    throw NodeError("native engine: this runtime does not allow external buffers");
  }
  return value;
}

napi_value number(napi_env env, double n) {
  napi_value value;
  expect(napi_create_double(env, n, &value), "no number");
  return value;
}

void put(napi_env env, napi_value object, const char* name, napi_value value) {
  expect(napi_set_named_property(env, object, name, value), "cannot set a property");
}

napi_value newObject(napi_env env) {
  napi_value object;
  expect(napi_create_object(env, &object), "no object");
  return object;
}

// Runs `body`; what it throws becomes a JavaScript error.
template <class Body>
napi_value guarded(napi_env env, const Body& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    napi_throw_error(env, nullptr, "native engine: out of memory; use a smaller batch");
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
}

napi_value isas(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    napi_value list;
    expect(napi_create_array(env, &list), "no array");
    uint32_t i = 0;
    for (const Isa& isa : availableIsas()) {
      napi_value name;
      expect(napi_create_string_utf8(env, isa.name, NAPI_AUTO_LENGTH, &name), "no string");
      expect(napi_set_element(env, list, i++, name), "cannot set an element");
    }
    return list;
  });
}

napi_value createEngine(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Args args(env, info, 2);
    const std::string name = args.text(args.values[0]);
    for (const Isa& isa : availableIsas())
      if (name == isa.name) return wrap(env, std::make_shared<Engine>(isa, int(args.integer(1))));
    throw NodeError("native engine: instruction set " + name + " cannot run here");
  });
}

napi_value createSession(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Args args(env, info, 1);
    return wrap(env, std::make_shared<Session>(args.handle<Engine>(0)));
  });
}

napi_value addVariable(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Args args(env, info, 2);
    const auto& session = args.handle<Session>(0);
    const int index = session->addVariable(args.size(1));
    const napi_value result = newObject(env);
    put(env, result, "index", number(env, index));
    put(env, result, "buffer", bufferOver(env, session->variable(index), session));
    return result;
  });
}

napi_value loadProgram(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Args args(env, info, 5);
    const auto& session = args.handle<Session>(0);
    napi_typedarray_type type;
    size_t count;
    void* words;
    expect(napi_get_typedarray_info(env, args.values[1], &type, &count, &words, nullptr, nullptr),
           "expected a program");
    if (type != napi_int32_array) throw NodeError("native engine: expected a program of int32 words");
    uint32_t length;
    expect(napi_get_array_length(env, args.values[2], &length), "expected kernel names");
    std::vector<std::string> names;
    for (uint32_t i = 0; i < length; i++) {
      napi_value name;
      expect(napi_get_element(env, args.values[2], i, &name), "expected a kernel name");
      names.push_back(args.text(name));
    }
    session->reserveArena(args.size(3));
    auto program = std::make_shared<Program>(session, static_cast<const int32_t*>(words), count, names, args.size(4));
    const napi_value result = newObject(env);
    put(env, result, "buffer", bufferOver(env, program->io(), program));
    put(env, result, "program", wrap(env, std::move(program)));
    return result;
  });
}

// One run, here or on its way through a thread of libuv's pool.
struct Job {
  std::shared_ptr<Program> program;
  bool prepare, check;
  double* seconds;  // in a JavaScript array that `held` keeps alive
  napi_ref held = nullptr;
  napi_ref callback = nullptr;
  napi_async_work work = nullptr;
  RunOutcome outcome;
  std::string error;
};

void execute(napi_env, void* data) {
  Job& job = *static_cast<Job*>(data);
  try {
    job.outcome = job.program->run(job.prepare, job.check, job.seconds);
  } catch (const std::exception& error) {
    job.error = error.what();
  }
}

void report(napi_env env, const Job& job, napi_value callback) {
  napi_value undefined, arguments[3];
  expect(napi_get_undefined(env, &undefined), "no undefined");
  if (job.error.empty()) {
    expect(napi_get_null(env, &arguments[0]), "no null");
  } else {
    expect(napi_create_string_utf8(env, job.error.c_str(), NAPI_AUTO_LENGTH, &arguments[0]), "no string");
  }
  expect(napi_get_boolean(env, job.outcome.finite, &arguments[1]), "no boolean");
  arguments[2] = number(env, job.outcome.nonFiniteStep);
  napi_call_function(env, undefined, callback, 3, arguments, nullptr);
}

void complete(napi_env env, napi_status, void* data) {
  std::unique_ptr<Job> job(static_cast<Job*>(data));
  guarded(env, [&]() -> napi_value {
    napi_value callback;
    expect(napi_get_reference_value(env, job->callback, &callback), "the callback is gone");
    napi_delete_reference(env, job->callback);
    if (job->held) napi_delete_reference(env, job->held);
    napi_delete_async_work(env, job->work);
    report(env, *job, callback);
    return nullptr;
  });
}

napi_value run(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    const Args args(env, info, 6);
    auto job = std::make_unique<Job>();
    job->program = args.handle<Program>(0);
    if (job->program->session().closed()) throw NodeError("native engine: the session is closed");
    job->prepare = args.flag(1);
    job->check = args.flag(2);
    bool profiled;
    expect(napi_is_typedarray(env, args.values[3], &profiled), "expected seconds or null");
    job->seconds = nullptr;
    if (profiled) {
      napi_typedarray_type type;
      size_t count;
      void* seconds;
      expect(napi_get_typedarray_info(env, args.values[3], &type, &count, &seconds, nullptr, nullptr),
             "expected seconds");
      if (type != napi_float64_array || count < size_t(job->program->steps()))
        throw NodeError("native engine: expected one double a step");
      job->seconds = static_cast<double*>(seconds);
    }
    if (args.flag(5)) {
      execute(env, job.get());
      report(env, *job, args.values[4]);
      return nullptr;
    }
    if (profiled) expect(napi_create_reference(env, args.values[3], 1, &job->held), "no reference");
    napi_value name;
    expect(napi_create_string_utf8(env, "soma.run", NAPI_AUTO_LENGTH, &name), "no string");
    expect(napi_create_reference(env, args.values[4], 1, &job->callback), "expected a callback");
    expect(napi_create_async_work(env, nullptr, name, execute, complete, job.get(), &job->work), "no work");
    expect(napi_queue_async_work(env, job->work), "cannot queue the work");
    job.release();
    return nullptr;
  });
}

napi_value memory(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Args args(env, info, 1);
    const auto& session = args.handle<Session>(0);
    napi_value list;
    expect(napi_create_array(env, &list), "no array");
    expect(napi_set_element(env, list, 0, number(env, double(session->arenaBytes() + session->microBytes()))), "cannot set");
    expect(napi_set_element(env, list, 1, number(env, double(session->scratchBytes() + session->temporaryBytes() + session->slotBytes()))), "cannot set");
    return list;
  });
}

napi_value closeSession(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    const Args args(env, info, 3);
    uint32_t length;
    expect(napi_get_array_length(env, args.values[1], &length), "expected buffers");
    for (uint32_t i = 0; i < length; i++) {
      napi_value buffer;
      expect(napi_get_element(env, args.values[1], i, &buffer), "expected a buffer");
      expect(napi_detach_arraybuffer(env, buffer), "cannot empty a buffer");
    }
    expect(napi_get_array_length(env, args.values[2], &length), "expected programs");
    for (uint32_t i = 0; i < length; i++) {
      napi_value value;
      void* program;
      expect(napi_get_element(env, args.values[2], i, &value), "expected a program");
      expect(napi_get_value_external(env, value, &program), "expected a program");
      (*static_cast<std::shared_ptr<Program>*>(program))->closeIo();
    }
    args.handle<Session>(0)->close();
    return nullptr;
  });
}

}  // namespace

NAPI_MODULE_INIT() {
  const struct {
    const char* name;
    napi_callback call;
  } functions[] = {
      {"isas", isas},           {"createEngine", createEngine}, {"createSession", createSession},
      {"addVariable", addVariable}, {"loadProgram", loadProgram},   {"run", run},
      {"memory", memory},       {"closeSession", closeSession},
  };
  for (const auto& [name, call] : functions) {
    napi_value function;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, call, nullptr, &function) != napi_ok ||
        napi_set_named_property(env, exports, name, function) != napi_ok)
      return nullptr;
  }
  return exports;
}
