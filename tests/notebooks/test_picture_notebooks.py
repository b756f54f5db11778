"""05 convolutions, 06 autoencoders, 07 variational autoencoders: the numbers they tell."""

from __future__ import annotations

import math

import nnx
import numpy as np
import pytest
from lecture import Run


# --- 05 -------------------------------------------------------------------------------------------
@pytest.mark.slow
class TestConvolutions:
    notebook = "05_convolutions"

    def test_one_dimension(self, run: Run) -> None:
        assert run("y_nnx[0, 0]").tolist() == [1, 2, 3, 2, 0, -3]  # x[i + 2] - x[i]
        assert run("y_numpy").tolist() == [1, 2, 3, 2, 0, -3]

    def test_the_matched_filter_finds_the_pulses(self, run: Run) -> None:
        filtered = run("filtered")
        for arrival in (70, 210, 290):
            near = filtered[arrival - 15 : arrival + 15]
            assert abs(near.argmax() - 15) <= 2
            assert near.max() > 4 * 0.35

    def test_three_ways_to_the_edges(self, run: Run) -> None:
        from scipy.ndimage import sobel

        digit = run("digit")
        for axis, name in ((1, "gx"), (0, "gy")):
            assert run(name) == pytest.approx(sobel(digit, axis)[1:-1, 1:-1], abs=1e-12)
        assert run("gx") == pytest.approx(run("scipy_x"), abs=1e-12)
        assert run("both") == pytest.approx(np.stack([run("gx"), run("gy")]), abs=1e-12)

    def test_sobel_is_learnt(self, run: Run) -> None:
        sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
        assert run("learnt")[:, 0] == pytest.approx(np.stack([sobel, sobel.T]), abs=0.15)

    def test_the_formula_of_sizes(self, run: Run) -> None:
        assert [int(run(f"size(*{case})")) for case in run("cases").tolist()] == [
            *(4, 2, 6, 2, 28, 14, 55, 1, 32)
        ]
        assert run("sizes").tolist() == [224, 55, 27, 27, 13, 13, 13, 13, 6]
        table = next(
            o.text
            for c in run.book.cells
            for o in c.get("outputs", [])
            if o.output_type == "stream" and "formula  layer" in o.text
        )
        for line in table.splitlines()[1:]:
            formula, layer = line.split("|")[1].split()
            assert formula == layer

    def test_pooling_and_the_way_back(self, run: Run) -> None:
        assert run("pooled_max").tolist() == [[5, 2], [7, 8]]
        assert run("pooled_mean").tolist() == [[2.75, 1], [2, 4]]
        assert run("F.max_pool2d(x_nnx, 2)[0, 0]").tolist() == [[5, 2], [7, 8]]
        assert run("F.avg_pool2d(x_nnx, 2)[0, 0]").tolist() == [[2.75, 1], [2, 4]]
        assert run("by_hand[1]").tolist() == [[1, 3, 2], [3, 9, 8], [0, 6, 8]]
        assert run("printed[1]").tolist() == [[1, 3, 2], [3, 9, 8], [0, 6, 8]]
        code, stamp = np.array([[1, 2], [3, 4]]), np.array([[1, 1], [0, 2]])
        assert (run("printed[2]") == np.kron(code, stamp)).all()
        assert run("left") == pytest.approx(run("right"), rel=1e-13)

    def test_lenet(self, run: Run) -> None:
        assert run("nnx.summary(lenet).total_params") == 61_706
        score = run("scores")
        assert score["LeNet-5"] > 0.965
        assert 1 - score["LeNet-5"] < 0.6 * (1 - score["dense"])
        accuracy = run("accuracy")
        assert accuracy["LeNet-5"][3] > accuracy["dense"][3] + 0.2
        assert accuracy["LeNet-5"][0] > 0.95

    def test_alexnet(self, run: Run) -> None:
        assert sum(run("counts").values()) == 61_100_840
        assert run("history['val_accuracy']")[-1] > 0.93
        matrix = run("matrix")
        assert matrix.sum() == 600
        assert matrix.trace() / 600 == pytest.approx(run("history['val_accuracy']")[-1])

    def test_gradients_vanish_and_are_cured(self, run: Run) -> None:
        flows, losses = run("flows"), run("losses")
        share = {name: values[0] / values[-1] for name, values in flows.items()}
        assert share["sigmoid"] < 1e-6
        last = {name: np.mean(values[-20:]) for name, values in losses.items()}
        assert last["sigmoid"] > 2.2
        for cure in ("ReLU, He's weights", "sigmoid, batch norm", "tanh, layer norm"):
            assert 0.1 < share[cure] < 10
            assert last[cure] < 0.8
        assert np.mean(losses["ReLU"][10:30]) > 2.2 > np.mean(losses["ReLU, He's weights"][10:30])

    def test_figures_and_complaints(self, run: Run) -> None:
        assert len(run.outputs("image/png")) == 14
        assert run.complaints() == ""

    def test_exercise_1(self, run: Run) -> None:
        from scipy.signal import correlate2d

        rng = np.random.default_rng(0)
        x, w = rng.normal(size=(9, 8)), rng.normal(size=(3, 2))
        for stride, padding, dilation in ((1, 0, 1), (2, 1, 1), (1, 2, 3), (3, 2, 2)):
            spread = np.zeros((2 * dilation + 1, dilation + 1))
            spread[::dilation, ::dilation] = w
            expected = correlate2d(np.pad(x, padding), spread, "valid")[::stride, ::stride]
            call = (
                f"np.array({x.tolist()}), np.array({w.tolist()}), {stride}, {padding}, {dilation}"
            )
            assert run.solved(f"my_conv2d({call})") == pytest.approx(expected, abs=1e-12)

    def test_exercise_2(self, run: Run) -> None:
        lenet = [(5, 1), (2, 2), (5, 1), (2, 2)]
        assert run.solved(f"receptive_field({lenet})") == 16 == run.solved("rows_seen")
        assert run.solved("receptive_field([(3, 1)] * 10)") == 21

    def test_exercise_3(self, run: Run) -> None:
        assert run.solved("nnx.summary(small).total_params") <= 10_000
        assert run.solved("small_accuracy") > 0.97


# --- 06 -------------------------------------------------------------------------------------------
@pytest.mark.slow
class TestAutoencoders:
    notebook = "06_autoencoders"

    def test_two_numbers(self, run: Run) -> None:
        # PCA from outside: the residual of the covariance matrix's eigenvectors.
        sets = nnx.data.MNIST(), nnx.data.MNIST(train=False)
        rows = np.asarray(sets[0].images[:10_000]).reshape(-1, 784)
        asked = np.asarray(sets[1].images[:2000]).reshape(-1, 784)
        centred = rows - rows.mean(0)
        directions = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
        for k in (2, 16):
            left = asked - rows.mean(0)
            left = left - left @ directions[:, :k] @ directions[:, :k].T
            assert run(f"pca_error({k})") == pytest.approx((left**2).mean(), rel=1e-4)
        assert run("error(plane)") < 0.9 * run("pca_error(2)")
        assert run("codes").shape == (2000, 2)

    def test_the_plane_has_classes(self, run: Run) -> None:
        codes, labels = run("codes"), run("labels_test")
        distance = np.linalg.norm(codes[:, None] - codes, axis=2)
        np.fill_diagonal(distance, np.inf)
        assert (labels[distance.argmin(1)] == labels).mean() > 0.5

    def test_convolutions_are_better_and_smaller(self, run: Run) -> None:
        error, size = run("errors"), run("sizes")
        assert error["convolutional"] < 0.8 * min(error["PCA"], error["dense"])
        assert size["convolutional"] == 28_369
        assert size["convolutional"] < size["dense"] / 7

    def test_noise_is_removed(self, run: Run) -> None:
        noisy, filtered, denoised = (
            run(f"psnr({name})") for name in ("noisy_test", "filtered", "denoised")
        )
        assert noisy + 2 < filtered < denoised - 3
        assert denoised > 16

    def test_anomalies_are_found(self, run: Run) -> None:
        scores, anomalous = run("scores"), run("anomalous")
        pairs = scores[anomalous][:, None] > scores[~anomalous]
        assert pairs.mean() > 0.93
        assert (run("scores > threshold") & anomalous).sum() > 0.75 * anomalous.sum()
        assert (run("scores > threshold") & ~anomalous).sum() < 0.2 * (~anomalous).sum()

    def test_augmentation_helps(self, run: Run) -> None:
        plain, augmented = run("plain"), run("augmented")
        assert plain.shape == augmented.shape == (60, 2)
        assert plain[-1, 0] < augmented[-1, 0]
        assert augmented[-1, 1] < 0.95 * plain[:, 1].min()

    def test_figures_and_complaints(self, run: Run) -> None:
        assert len(run.outputs("image/png")) == 13  # one of them a solution's
        assert run.complaints() == ""

    def test_exercise_1(self, run: Run) -> None:
        error = run.solved("error_of")
        assert list(error) == ["2", "4", "8", "16"]
        assert error["8"] < 0.7 * error["2"]
        assert 8 < run.solved("pca_numbers") < 40

    def test_exercise_2(self, run: Run) -> None:
        pixels, codes = run.solved("accuracy_pixels"), run.solved("accuracy_codes")
        assert 0.6 < pixels < 0.75
        assert codes > pixels - 0.05

    def test_exercise_3(self, run: Run) -> None:
        scores, labels = run("scores"), run("labels_test")
        for digit, found in run.solved("auc_of").items():
            pairs = scores[labels == int(digit)][:, None] > scores[labels == 0]
            assert found == pytest.approx(pairs.mean())
        assert run.solved("best_auc") > 0.98


# --- 07 -------------------------------------------------------------------------------------------
@pytest.mark.slow
class TestVAE:
    notebook = "07_vae"

    def test_the_finished_one_knows_digits(self, run: Run) -> None:
        samples = run("finished.sample(64)")
        assert samples.shape[0] == 64
        assert 0 <= samples.min() < 0.01 < 0.99 < samples.max() <= 1
        error = run("((finished.reconstruct(test.images[:200]) - test.images[:200]) ** 2).mean()")
        assert error < 0.02

    def test_divergence(self, run: Run) -> None:
        from scipy.integrate import quad
        from scipy.stats import norm

        for mu, sigma in ((0, 1), (1, 1), (-2, 0.3), (0.5, 2)):
            q = norm(mu, sigma)
            exact = quad(
                lambda z, q=q: q.pdf(z) * (q.logpdf(z) - norm.logpdf(z)),
                *(mu - 12 * sigma, mu + 12 * sigma),
            )[0]
            formula, integral, mean = run(f"checked[{mu}, {sigma}]")
            assert formula == pytest.approx(exact, abs=1e-9)
            assert integral == pytest.approx(exact, abs=1e-6)
            assert mean == pytest.approx(exact, abs=0.03)

    def test_derivatives_pass_through_chance(self, run: Run) -> None:
        # Standard errors: 2 sigma / sqrt(N), and about 2 sqrt(mu^2 + 2 sigma^2) / sqrt(N).
        assert run("mu_drawn.grad") == pytest.approx(3.0, abs=5 * 1.0 / 316)
        assert run("sigma_drawn.grad") == pytest.approx(1.0, abs=5 * 3.4 / 316)

    def test_training(self, run: Run) -> None:
        history = run("history")
        assert history.shape == (12, 2)
        total = history.sum(1)
        assert total[-1] < total[0] - 15
        assert 100 < total[-1] < 122
        assert 12 < history[-1, 1] < 25
        assert history[-1, 1] > history[0, 1]

    def test_the_loss_is_a_bound(self, run: Run) -> None:
        # Importance sampling: the mean of w = p(x, z) / q(z) over q is p(x). The mean of ln w is
        # -L, here without the closed form that the lecture has for the divergence.
        from scipy.special import logsumexp, xlog1py, xlogy

        draws, n = 50, 20
        x = run(f"x_test[:{n}]")
        mu, logvar = (run(f"vae.encode(x_test[:{n}])[{i}]") for i in (0, 1))
        noise = np.random.default_rng(0).normal(size=(draws, n, 10))
        z = (mu + np.exp(logvar / 2) * noise).astype(np.float32)
        decoded = run(f"vae.decoder(nnx.tensor({z.tolist()}))").clip(1e-7, 1 - 1e-7)
        likelihood = (xlogy(x, decoded) + xlog1py(1 - x, -decoded)).sum(2)
        weights = likelihood + (noise**2 / 2 + logvar / 2 - z**2 / 2).sum(2)
        divergence = run(f"terms(x_test[:{n}], *vae(x_test[:{n}]))[1]")
        assert weights.mean() == pytest.approx(likelihood.mean() - divergence, abs=0.5)
        assert (logsumexp(weights, 0) - math.log(draws)).mean() > weights.mean() + 1

    def test_the_divergence_is_shared(self, run: Run) -> None:
        each = run("each")
        assert each.sum() == pytest.approx(run("history[-1, 1]"), rel=0.02)
        assert each.min() > 0

    def test_clouds_fill_the_plane(self, run: Run) -> None:
        radius = np.linalg.norm(run("mu2"), axis=1)
        assert 0.7 < np.median(radius) < 1.8
        assert (radius < 5).all()

    def test_figures_and_complaints(self, run: Run) -> None:
        assert len(run.outputs("image/png")) == 13  # two of them solutions'
        assert run.complaints() == ""

    def test_exercise_1(self, run: Run) -> None:
        assert run.solved("narrow_to_wide") == pytest.approx(math.log(3) + 1 / 18 - 0.5)
        assert run.solved("wide_to_narrow") == pytest.approx(4.5 - math.log(3) - 0.5)
        assert run.solved("kl_general(1.5, 0.3, 0, 1)") == pytest.approx(run("kl(1.5, 0.3)"))

    def test_exercise_2(self, run: Run) -> None:
        parts = run.solved("parts_of")
        bce, divergence = ([parts[beta][i] for beta in ("0.1", "1", "5", "50")] for i in (0, 1))
        assert (np.diff(bce) > 0).all()
        assert (np.diff(divergence) < 0).all()
        assert divergence[-1] < 0.5

    def test_exercise_3(self, run: Run) -> None:
        x, labels = run("x[:2000]"), run("train.labels[:2000]")
        means = np.stack([x[labels == k].mean(0) for k in range(10)])
        right = []
        for digit in range(10):
            drawn = run.solved(f"draw({digit}, 50)")
            nearest = np.linalg.norm(drawn[:, None] - means, axis=2).argmin(1)
            right.append((nearest == digit).mean())
        assert min(right) > 0.5
        assert np.mean(right) > 0.8
