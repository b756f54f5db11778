"""The form of all notebooks; 01 neuron, 02 backpropagation, 03 sine fit, 04 classifier: the
numbers they tell."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from lecture import NAMES, PLACE, Run, cells, solutions


# --- how they are written -------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
class TestForm:
    def test_outputs_are_stripped(self, name: str) -> None:
        code = [cell for cell in cells(name) if cell["cell_type"] == "code"]
        assert len(code) > 10
        assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)

    def test_ends_with_three_exercises(self, name: str) -> None:
        book = cells(name)
        tasks = [i for i, cell in enumerate(book) if "**Exercise" in cell["source"]]
        assert [re.findall(r"\*\*Exercise (\d)\.", book[i]["source"]) for i in tasks] == [
            ["1"],
            ["2"],
            ["3"],
        ]
        assert all(book[i + 1]["source"] == PLACE for i in tasks)
        assert tasks[-1] + 2 == len(book)
        assert len(solutions(name)) == 3

    def test_reads_as_a_lecture(self, name: str) -> None:
        book = cells(name)
        assert book[0]["source"].startswith(f"# {int(name[:2])} · ")
        text = [c for c in book if c["cell_type"] == "markdown"]
        code = [c for c in book if c["cell_type"] == "code"]
        assert len(text) > 0.5 * len(code)
        assert max(c["source"].count("\n") + 1 for c in code) <= 16
        assert sum("$" in c["source"] for c in text) >= 1

    def test_links_lead_to_headings(self, name: str) -> None:
        text = "\n".join(c["source"] for c in cells(name) if c["cell_type"] == "markdown")
        headings = {h.replace(" ", "-") for h in re.findall(r"^## (.*)$", text, flags=re.M)}
        links = re.findall(r"\]\(#(.*?)\)$", text, flags=re.M)
        assert len(links) == len(headings) >= 5
        assert set(links) == headings


# --- 01 -------------------------------------------------------------------------------------------
@pytest.mark.slow
class TestNeuron:
    notebook = "01_neuron"

    def test_and_neuron(self, run: Run) -> None:
        assert (run("neuron(corners, w, b)").round() == [0, 0, 0, 1]).all()

    def test_worked_example(self, run: Run) -> None:
        # The lecture's numbers.
        assert run("h") == pytest.approx([0.5932699921, 0.5968843783], abs=1e-10)
        assert run("o") == pytest.approx([0.7513650695, 0.7729284653], abs=1e-10)
        assert run("E") == pytest.approx(0.2983711088, abs=1e-10)
        assert run("dE_dw5") == pytest.approx(0.0821670406, abs=1e-10)
        assert run("E_new") == pytest.approx(0.291027774, abs=1e-8)

    def test_nnx_gives_the_derivatives_found_by_hand(self, run: Run) -> None:
        assert run("gradient1") == pytest.approx(run("dE_dW1"), abs=1e-15)
        assert run("gradient2") == pytest.approx(run("dE_dW2"), abs=1e-15)
        assert run("dE_dW1[0, 0]") == pytest.approx(0.000438568, abs=1e-9)

    def test_derivative_of_the_sigmoid(self, run: Run) -> None:
        z = np.linspace(-6, 6, 7)
        assert run("slope") == pytest.approx(np.exp(-z) / (1 + np.exp(-z)) ** 2, rel=1e-12)

    def test_two_layers_learn_xor(self, run: Run) -> None:
        assert np.abs(run("network(X)")[:, 0] - [0, 1, 1, 0]).max() < 0.02
        errors = run("errors_numpy")
        assert len(errors) == 60_000
        assert errors[0] > 0.4
        assert errors[-1] < 1e-4

    def test_numpy_and_nnx_agree_all_the_way(self, run: Run) -> None:
        assert len(run("errors_nnx")) == 60_000
        assert run("difference") < 1e-9

    def test_figures_and_complaints(self, run: Run) -> None:
        assert len(run.outputs("image/png")) == 4
        assert len(run.outputs("image/svg+xml")) == 1
        assert run.complaints() == ""

    def test_exercise_1(self, run: Run) -> None:
        assert np.abs(run.solved("xor(corners)") - [0, 1, 1, 0]).max() < 0.05
        assert (run.solved("neuron(corners, w_or, b_or)").round() == [0, 1, 1, 1]).all()
        assert (run.solved("neuron(corners, w_nand, b_nand)").round() == [1, 1, 1, 0]).all()

    def test_exercise_2(self, run: Run) -> None:
        assert run.solved("E_trained") == pytest.approx(3.51e-5, rel=1e-3)
        assert run.solved("o_trained") == pytest.approx([0.0159, 0.9841], abs=1e-4)

    def test_exercise_3(self, run: Run) -> None:
        assert 0 < 2 * run.solved("steps_bce") < run.solved("steps_mse") < 60_000


# --- 02 -------------------------------------------------------------------------------------------
@pytest.mark.slow
class TestBackpropagation:
    notebook = "02_backpropagation"

    def test_chain_rule_by_hand(self, run: Run) -> None:
        def loss(w: float, b: float) -> float:
            return (1 / (1 + math.exp(-(w * 1.5 + b))) - 0.2) ** 2

        step = 1e-5
        by_difference = (loss(0.8 + step, -0.4) - loss(0.8 - step, -0.4)) / (2 * step)
        assert run("dL_dw") == pytest.approx(by_difference, rel=1e-8)
        by_difference = (loss(0.8, -0.4 + step) - loss(0.8, -0.4 - step)) / (2 * step)
        assert run("dL_db") == pytest.approx(by_difference, rel=1e-8)
        assert run("w_nnx.grad") == pytest.approx(run("dL_dw"), rel=1e-14)
        assert run("b_nnx.grad") == pytest.approx(run("dL_db"), rel=1e-14)

    def test_paths_add(self, run: Run) -> None:
        assert run("x_nnx.grad") == pytest.approx(math.sin(2) + 2 * math.cos(2), rel=1e-14)
        assert run("f2(2.0)") == pytest.approx(2 * math.cos(2) - 2 * math.sin(2), rel=1e-6)

    def test_errors_of_differences_make_a_v(self, run: Run) -> None:
        h, forward, central = run("h"), run("forward"), run("central")
        assert 1e-9 < h[forward.argmin()] < 1e-7
        assert 1e-6 < h[central.argmin()] < 1e-4
        assert forward.min() < 1e-7
        assert central.min() < 1e-10
        for errors, order in ((forward, 1), (central, 2)):
            right = (h > 1e-4) & (h < 1e-2)
            assert np.polyfit(np.log(h[right]), np.log(errors[right]), 1)[0] == pytest.approx(
                order, abs=0.05
            )
            left = (h < 1e-10) & (errors > 0)
            slope = np.polyfit(np.log(h[left]), np.log(errors[left]), 1)[0]
            assert slope == pytest.approx(-1, abs=0.25)

    def test_automatic_gradient_is_exact(self, run: Run) -> None:
        assert run("automatic") == pytest.approx(math.cos(1) * math.exp(math.sin(1)), rel=4e-16)

    def test_descent_keeps_to_its_bound(self, run: Run) -> None:
        k = np.arange(1, 1001)
        cosh, bowl = run("height_cosh"), run("height_bowl")
        assert (bowl <= 200 / (2 * k)).all()
        assert (cosh <= 3600 / (2 * k)).all()
        assert 0.4 < (cosh / (3600 / (2 * k))).max() <= 1
        exact = 0.5 * 0.01 * (10 * 0.99**k) ** 2  # a is 0 after the first step
        assert bowl == pytest.approx(exact, rel=1e-9)

    def test_too_large_a_step_diverges(self, run: Run) -> None:
        k = np.arange(9)
        for step in (0.3, 1.0, 1.8, 2.1):
            assert run(f"bounces[{step}]") == pytest.approx(2 * (1 - step) ** k, abs=1e-12)
        assert abs(run("bounces[2.1]")[-1]) > 4

    def test_small_batches_are_cheap_and_noisy(self, run: Run) -> None:
        names = ("one by one", "batches of 20", "all 200")
        single, batch, whole = (run(f"heights(loss, paths[{n!r}]) - lowest") for n in names)
        assert single[200] < 0.1 * whole[1]  # 200 samples seen
        assert batch[100] < 0.1 * whole[10]  # 2000
        assert np.median(single[1000:]) > 3 * np.median(batch[-200:])
        assert (np.diff(whole) < 0).all()

    def test_the_minimum_is_that_of_a_fit(self, run: Run) -> None:
        slope, offset = np.polyfit(run("x"), run("y"), 1)
        assert run("best") == pytest.approx([offset, slope], rel=1e-6)

    def test_momentum_and_adam_win(self, run: Run) -> None:
        last = {
            name: run(f"loss(nnx.tensor(race[{name!r}][-1])) - lowest")
            for name in run("dict.fromkeys(race, 0)")
        }
        assert last["momentum"] < 0.01 * last["gradient descent"]
        assert last["Adam"] < 0.05 * last["gradient descent"]

    def test_figures_and_complaints(self, run: Run) -> None:
        assert len(run.outputs("image/png")) == 7
        (film,) = (html for html in run.outputs("text/html") if "<script" in html)
        assert len(re.findall(r"frames\[\d+\] =", film)) == 26
        assert run.complaints() == ""

    def test_exercise_1(self, run: Run) -> None:
        assert 1e-4 < run.solved("best_h") < 1e-2
        assert run.solved("fifth.min()") < 1e-12

    def test_exercise_2(self, run: Run) -> None:
        assert run.solved("best_t") == pytest.approx(2 / 1.05, abs=0.1)

    def test_exercise_3(self, run: Run) -> None:
        tanh = math.tanh(0.5 * 2.0 - 0.3)
        assert run.solved("w.grad") == pytest.approx(tanh + 0.5 * 2.0 * (1 - tanh**2), rel=1e-12)
        assert run.solved("x.grad") == pytest.approx(0.5 * 0.5 * (1 - tanh**2), rel=1e-12)


# --- 03 -------------------------------------------------------------------------------------------
@pytest.mark.slow
class TestSineFit:
    notebook = "03_sine_fit"

    def test_the_network_learns_the_sine(self, run: Run) -> None:
        losses = run("losses")
        assert len(losses) == 100_000
        assert losses[0] > 0.3
        assert losses.min() < 1e-6
        assert losses[-1] < 1e-4

    def test_it_is_a_sum_of_ten_steps(self, run: Run) -> None:
        assert run("steps").shape == (100, 10)
        outputs = run("model(X)")[:, 0]
        assert run("sum_of_steps") == pytest.approx(outputs, abs=1e-5)
        assert outputs == pytest.approx(np.sin(np.linspace(0, 2 * np.pi, 100)), abs=0.02)

    def test_extrapolation_fails(self, run: Run) -> None:
        far = run("far")[:, 0]
        answers = run("answers")
        inside = (far > 0) & (far < 2 * np.pi)
        assert np.abs(answers[:, inside] - np.sin(far[inside])).max() < 0.1
        assert np.abs(answers[:, ~inside] - np.sin(far[~inside])).max(1).min() > 1
        spread = answers.std(0)
        assert spread[~inside].mean() > 20 * spread[inside].mean()

    def test_the_gradient_given_to_iminuit(self, run: Run) -> None:
        start = np.array([0.8, 1.1, 0.1, 0.0])
        ways = 1e-5 * np.eye(4)
        up, down = (
            run(f"[value(p) for p in np.array({(start + s).tolist()})]") for s in (ways, -ways)
        )
        found = run(f"gradient(np.array({start.tolist()}))")
        assert found == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-4)

    def test_iminuit_finds_values_and_errors(self, run: Run) -> None:
        values, errors = run("list(minuit.values)"), run("list(minuit.errors)")
        assert (np.abs(values - [1, 1, 0, 0]) < 3.5 * errors).all()
        # An amplitude's error is about sigma sqrt(2 / N), an offset's sigma / sqrt(N).
        assert errors[0] == pytest.approx(0.2 * math.sqrt(2 / 100), rel=0.1)
        assert errors[3] == pytest.approx(0.2 / math.sqrt(100), rel=0.1)
        assert 0.6 < run("minuit.fval") / 96 < 1.4
        assert run("minuit.valid")

    def test_covariance_is_that_of_the_linear_fit(self, run: Run) -> None:
        t = np.linspace(0, 2 * np.pi, 100)
        amplitude, omega, phi, _ = run("list(minuit.values)")
        sine, cosine = np.sin(omega * t + phi), np.cos(omega * t + phi)
        jacobian = np.stack([sine, amplitude * t * cosine, amplitude * cosine, np.ones(100)], 1)
        expected = np.linalg.inv(jacobian.T @ jacobian / 0.2**2)
        assert run("list(minuit.errors)") == pytest.approx(np.sqrt(np.diag(expected)), rel=0.1)

    def test_the_network_follows_the_noise(self, run: Run) -> None:
        answers = run("network(T)")[:, 0]
        square = (((run("U") - answers) / 0.2) ** 2).sum()
        assert 40 < square < run("minuit.fval")

    def test_the_error_band_widens(self, run: Run) -> None:
        band, late = run("band"), run("late")
        assert band[late > 20].max() > 3 * band[late < 6].max()

    def test_figures_and_complaints(self, run: Run) -> None:
        assert len(run.outputs("image/png")) == 7
        assert "31" in run.outputs("text/html")[0]
        assert run.complaints() == ""

    def test_exercise_1(self, run: Run) -> None:
        assert run.solved("largest_error") < 0.05

    def test_exercise_2(self, run: Run) -> None:
        loss = run.solved("loss_of")
        assert loss["1"] > 0.02
        assert loss["2"] < 0.1 * loss["1"]
        assert max(loss["3"], loss["5"], loss["10"]) < 1e-3

    def test_exercise_3(self, run: Run) -> None:
        values, errors = run.solved("list(damped.values)"), run.solved("list(damped.errors)")
        assert (np.abs(values - [2, 5, 3]) < 3.5 * errors).all()
        assert 0.6 < run.solved("damped.fval") / 147 < 1.4


# --- 04 -------------------------------------------------------------------------------------------
@pytest.mark.slow
class TestMNISTClassifier:
    notebook = "04_mnist_classifier"

    def test_three_sets(self, run: Run) -> None:
        assert run("[len(train), len(validation), len(test)]").tolist() == [50_000, 10_000, 10_000]
        indices = np.concatenate([run("train.indices"), run("validation.indices")])
        assert (np.sort(indices) == np.arange(60_000)).all()

    def test_number_of_parameters(self, run: Run) -> None:
        count = 784 * 16 + 16 + 16 * 16 + 16 + 16 * 10 + 10
        assert count == 13_002
        assert run("nnx.summary(model).total_params") == count
        assert run("nnx.summary(classifier).total_params") == count
        assert any("13,002" in html for html in run.outputs("text/html"))

    def test_training(self, run: Run) -> None:
        history = run("dict(history)")
        assert {len(values) for values in history.values()} == {5}
        assert history["loss"][-1] < history["loss"][0] < math.log(10)
        assert history["val_accuracy"][-1] > 0.91
        assert 0.91 < run("score['accuracy']") < 0.97

    def test_tensorboard_has_the_run(self, run: Run) -> None:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        for part, prefix in (("train", ""), ("validation", "val_")):
            log = EventAccumulator(str(run.folder / "logs" / "first" / part))
            log.Reload()
            written = [event.value for event in log.Scalars("epoch_loss")]
            assert written == pytest.approx(run("dict(history)")[prefix + "loss"], rel=1e-6)
        log = EventAccumulator(str(run.folder / "logs" / "first" / "train"))
        log.Reload()
        assert len(log.Tags()["histograms"]) >= 6
        assert log.Tags()["graph"]

    def test_confusion_matrix(self, run: Run) -> None:
        matrix = run("matrix")
        labels, answers = run("test.labels"), run("answers")
        expected = np.zeros((10, 10), int)
        np.add.at(expected, (labels, answers), 1)
        assert (matrix == expected).all()
        assert matrix.trace() / 10_000 == pytest.approx(run("score['accuracy']"), abs=1e-9)

    def test_worst_mistakes_are_mistakes(self, run: Run) -> None:
        worst = run("worst")
        assert len(worst) == 16
        assert (run("answers")[worst] != run("test.labels")[worst]).all()
        assert run("probability")[worst].min() > 0.9

    def test_sequential_and_class_agree(self, run: Run) -> None:
        assert run("history2['loss'][0]") == run("history['loss'][0]")
        assert run("history2['val_loss'][0]") == run("history['val_loss'][0]")

    def test_learning_rate_finder(self, run: Run) -> None:
        assert 0.01 < run("finder.suggestion") < 1
        assert run("history3['val_accuracy'][0]") > run("history['val_accuracy'][0]")

    def test_over_training(self, run: Run) -> None:
        loss = run("overtrained.history['loss']")
        validation = run("overtrained.history['val_loss']")
        assert loss[-1] < 0.02
        assert validation.argmin() < 20
        assert validation[-1] > 1.1 * validation.min()

    def test_every_cure_helps(self, run: Run) -> None:
        loss = {
            n: run(f"runs[{n!r}].evaluate(test)['loss']") for n in run("dict.fromkeys(runs, 0)")
        }
        without = loss.pop("no cure")
        assert len(loss) == 4
        assert all(value < 0.95 * without for value in loss.values())
        assert min(loss, key=loss.__getitem__) == "5 × the data"
        assert run("stop.best_epoch") < run("stop.stopped_epoch") < 39

    def test_figures_and_complaints(self, run: Run) -> None:
        assert len(run.outputs("image/png")) == 9
        assert len(run.outputs("image/svg+xml")) == 1
        assert run.complaints() == ""

    def test_exercise_1(self, run: Run) -> None:
        labels, answers = run("test.labels"), run("answers")
        for digit in range(10):
            right = ((labels == digit) & (answers == digit)).sum()
            assert run.solved("recall")[digit] == pytest.approx(right / (labels == digit).sum())
            assert run.solved("precision")[digit] == pytest.approx(right / (answers == digit).sum())

    def test_exercise_2(self, run: Run) -> None:
        assert run.solved("accuracy_shuffled") > 0.9
        assert run.solved("accuracy_shuffled") == pytest.approx(
            run.solved("accuracy_original"), abs=0.03
        )

    def test_exercise_3(self, run: Run) -> None:
        assert run.solved("best_accuracy") > 0.97
        assert run.solved("nnx.summary(best.model).total_params") <= 100_000
        assert len(run.solved("best.history['loss']")) <= 10
