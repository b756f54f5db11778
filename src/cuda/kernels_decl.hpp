// What the CUDA files define: one function for each entry of core::Kernels, of the same signature,
// and the table of devices.
#pragma once

#include <type_traits>

#include "core/kernels.hpp"

namespace nnx::cuda {

const core::DeviceApi& api() noexcept;

using Table = core::Kernels;
template <class T>
using Fn = std::remove_pointer_t<T>;

Fn<decltype(Table::run)> run;
Fn<decltype(Table::reduce)> reduce;

Fn<decltype(Table::gemm_f32)> gemm_f32;
Fn<decltype(Table::gemm_f64)> gemm_f64;
Fn<decltype(Table::matmul_i64)> matmul_i64;

Fn<decltype(Table::conv)> conv;
Fn<decltype(Table::conv_workspace)> conv_workspace;

Fn<decltype(Table::softmax)> softmax;
Fn<decltype(Table::softmax_backward)> softmax_backward;
Fn<decltype(Table::logsumexp)> logsumexp;
Fn<decltype(Table::cross_entropy)> cross_entropy;
Fn<decltype(Table::cross_entropy_backward)> cross_entropy_backward;
Fn<decltype(Table::layer_norm)> layer_norm;
Fn<decltype(Table::layer_norm_backward)> layer_norm_backward;
Fn<decltype(Table::batch_norm)> batch_norm;
Fn<decltype(Table::batch_norm_backward)> batch_norm_backward;
Fn<decltype(Table::moments)> moments;

Fn<decltype(Table::arg_extreme)> arg_extreme;
Fn<decltype(Table::sort)> sort;
Fn<decltype(Table::ranked)> ranked;
Fn<decltype(Table::search)> search;
Fn<decltype(Table::changes)> changes;
Fn<decltype(Table::scan)> scan;

Fn<decltype(Table::gather_rows)> gather_rows;
Fn<decltype(Table::scatter_rows)> scatter_rows;
Fn<decltype(Table::scatter_add_rows)> scatter_add_rows;
Fn<decltype(Table::gather_elements)> gather_elements;
Fn<decltype(Table::scatter_elements)> scatter_elements;
Fn<decltype(Table::scatter_add_elements)> scatter_add_elements;
Fn<decltype(Table::nonzero)> nonzero;
Fn<decltype(Table::join)> join;
Fn<decltype(Table::triangle)> triangle;
Fn<decltype(Table::one_hot)> one_hot;
Fn<decltype(Table::ramp)> ramp;
Fn<decltype(Table::resample)> resample;
Fn<decltype(Table::pick)> pick;
Fn<decltype(Table::pick_add)> pick_add;
Fn<decltype(Table::pick_products)> pick_products;
Fn<decltype(Table::index_range)> index_range;

Fn<decltype(Table::max_pool)> max_pool;
Fn<decltype(Table::max_pool_scatter)> max_pool_scatter;
Fn<decltype(Table::max_pool_gather)> max_pool_gather;
Fn<decltype(Table::avg_pool)> avg_pool;
Fn<decltype(Table::avg_pool_scatter)> avg_pool_scatter;

Fn<decltype(Table::random)> random;

}  // namespace nnx::cuda
